"""ATen's operators that cost nothing here, or join activations one element at a time."""

from __future__ import annotations

ELEMENTWISE = frozenset(
    """add sub rsub subtract mul multiply div divide true_divide maximum minimum fmax fmin pow atan2 hypot lerp addcmul
    addcdiv where logaddexp fmod remainder floor_divide xlogy heaviside copysign""".split()
)
"""A layer where two or more activations meet; folded with constants."""

UNARY = frozenset(
    """relu relu6 leaky_relu prelu rrelu elu selu celu gelu silu mish hardswish hardsigmoid hardtanh hardshrink softshrink
    softplus softsign sigmoid tanh logsigmoid log_sigmoid threshold exp exp2 expm1 log log2 log10 log1p sqrt rsqrt square
    abs neg negative reciprocal sign sin cos tan asin acos atan sinh cosh erf erfc ceil floor round trunc frac clamp
    clamp_min clamp_max clip nan_to_num softmax _softmax log_softmax _log_softmax _safe_softmax cumsum cumprod logit
    dropout native_dropout alpha_dropout feature_dropout feature_alpha_dropout clone contiguous detach alias lift_fresh
    lift_fresh_copy to _to_copy type_as float double half bfloat16 positive batch_norm native_batch_norm _native_batch_norm_legit
    _native_batch_norm_legit_no_training _batch_norm_impl_index cudnn_batch_norm instance_norm layer_norm
    native_layer_norm group_norm native_group_norm rms_norm _fused_rms_norm _weight_norm copy_to masked_fill tril triu
    roll flip fake_quantize_per_tensor_affine fake_quantize_per_channel_affine bernoulli renorm""".split()
)
"""The output has the first operand's order of elements or nearly so."""

REARRANGED = frozenset(
    """view reshape _unsafe_view view_as reshape_as _reshape_alias flatten unflatten squeeze unsqueeze ravel
    atleast_1d atleast_2d atleast_3d""".split()
)
"""The same elements in the same order, in another shape."""

FOLDED = frozenset(
    """repeat tile repeat_interleave index index_select gather take take_along_dim scatter scatter_add
    scatter_reduce index_put index_add index_copy index_fill masked_scatter masked_select slice_scatter select_scatter
    diagonal_scatter as_strided as_strided_copy diagonal diag diag_embed rot90 broadcast_to
    unfold unfold_copy im2col col2im pixel_shuffle pixel_unshuffle channel_shuffle pad constant_pad_nd
    reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d
    _pad_circular mean sum prod nansum nanmean amax amin aminmax max min std var std_mean var_mean median norm
    linalg_vector_norm frobenius_norm logsumexp argmax argmin topk sort argsort any all
    eq ne lt le gt ge equal isnan isinf isfinite isin logical_and logical_or logical_not logical_xor bitwise_and
    bitwise_or bitwise_not bitwise_xor __and__ __or__ __xor__ diff searchsorted bucketize one_hot fill zero copy
    is_nonzero count_nonzero glu complex real imag view_as_real view_as_complex polar meshgrid broadcast_tensors
    column_stack tensor_tuple normal uniform""".split()
)
"""Reductions, look-ups, comparisons and arrangements that mix the order of elements."""

MADE = frozenset(
    """arange zeros ones full empty eye linspace logspace rand randn randint randperm scalar_tensor tensor zeros_like
    ones_like full_like empty_like rand_like randn_like randint_like new_zeros new_ones new_full new_empty
    new_empty_strided empty_strided empty_permuted tril_indices triu_indices bartlett_window blackman_window
    hamming_window hann_window""".split()
)
"""Made of no activation, whatever tensor they take the shape of."""
