"""Which ATen operator becomes what: the one table of the front end."""

from __future__ import annotations

from collections.abc import Callable

from chipweave.workload.importers.torch import loops, products, rearranged, recurrent, windows
from chipweave.workload.importers.torch.graph import Node
from chipweave.workload.importers.torch.walk import Made, Walk, sized_output
from chipweave.workload.importers.view import ViewKind

Translation = Callable[[Walk, Node], Made]


def elementwise(walk: Walk, node: Node) -> Made:
    """A layer where two or more activations meet."""
    views = walk.views(node.refs)
    joins = sum(view.kind is ViewKind.ACTIVATION for view in views) > 1
    shape = sized_output(node) if joins else node.shape
    return walk.assembly.elementwise(node.operator, walk.label(node), views, shape)


def made_of_nothing(walk: Walk, node: Node) -> Made:
    """Constants, whatever tensor they take the shape of."""
    return walk.fold(node, ())


def mixed(walk: Walk, node: Node) -> Made:
    """Costs nothing, and changes the order or the number of elements."""
    return walk.fold(node, walk.views(node.refs))


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


GROUPS: tuple[tuple[Translation, tuple[str, ...]], ...] = (
    (windows.convolution, ("conv1d", "conv2d", "conv3d", "convolution", "_convolution")),
    (windows.transposed_convolution, ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")),
    (
        windows.pool,
        _names("""
            max_pool1d max_pool2d max_pool3d max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices
            avg_pool1d avg_pool2d avg_pool3d
        """),
    ),
    (
        windows.adaptive_pool,
        _names("""
            adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d
            adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d
        """),
    ),
    (
        windows.upsample,
        _names("""
            upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d
            _upsample_nearest_exact2d _upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d
            upsample_bicubic2d upsample_trilinear3d _upsample_bilinear2d_aa _upsample_bicubic2d_aa
        """),
    ),
    (windows.reduction, ("mean", "sum", "amax")),
    (windows.pad, ("constant_pad_nd", "pad")),
    (products.linear, ("linear",)),
    (products.matmul, ("matmul", "linalg_matmul")),
    (products.einsum, ("einsum",)),
    (products.chain, ("linalg_multi_dot", "chain_matmul")),
    (products.tensordot, ("tensordot",)),
    (products.inner, ("inner",)),
    (products.product("...i,...i->...", "x", "y"), ("linalg_vecdot",)),
    (products.product("i,i->", "self", "other"), ("vdot",)),
    (products.product("ij,jk->ik", "self", "mat2"), ("mm", "_int_mm", "_scaled_mm")),
    (products.product("bij,bjk->bik", "self", "mat2"), ("bmm",)),
    (products.product("ij,j->i", "self", "vec"), ("mv",)),
    (products.product("i,i->", "self", "tensor"), ("dot",)),
    (products.product("ij,jk->ik", "mat1", "mat2", "self"), ("addmm",)),
    (products.product("bij,bjk->bik", "batch1", "batch2", "self"), ("baddbmm",)),
    (products.product("bij,bjk->ik", "batch1", "batch2", "self"), ("addbmm",)),
    (products.product("ij,j->i", "mat", "vec", "self"), ("addmv",)),
    (
        products.attention,
        _names("""
            scaled_dot_product_attention _scaled_dot_product_flash_attention _scaled_dot_product_efficient_attention
            _scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_fused_attention_overrideable
            _scaled_dot_product_cudnn_attention _scaled_dot_product_attention_math
            flex_attention
        """),
    ),
    (loops.scan, ("scan",)),
    (loops.while_loop, ("while_loop",)),
    (loops.branch, ("cond",)),
    (recurrent.recurrent_layers, tuple(recurrent.OPERATORS)),
    (recurrent.recurrent_cell, tuple(recurrent.CELLS)),
    (recurrent.bilinear, ("bilinear",)),
    (products.look_up, ("embedding", "embedding_bag", "_embedding_bag", "_embedding_bag_forward_only")),
    (
        elementwise,
        _names("""
            add sub rsub subtract mul multiply div divide true_divide maximum minimum fmax fmin pow float_power atan2
            hypot lerp addcmul addcdiv where logaddexp logaddexp2 fmod remainder floor_divide xlogy copysign
            addr outer ger kron cross linalg_cross
        """),
    ),
    (
        rearranged.one_by_one,
        _names("""
            relu relu6 leaky_relu prelu rrelu elu selu celu gelu silu mish hardswish hardsigmoid hardtanh hardshrink
            softshrink softplus softsign sigmoid tanh logit log_sigmoid threshold
            exp exp2 expm1 log log2 log10 log1p sqrt rsqrt square abs neg negative positive reciprocal sign sin cos tan
            asin acos atan sinh cosh asinh acosh atanh erf erfc ceil floor round trunc frac
            clamp clamp_min clamp_max clip nan_to_num masked_fill tril triu cumsum cumprod
            softmax _softmax _safe_softmax log_softmax _log_softmax
            batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training native_batch_norm instance_norm
            layer_norm native_layer_norm group_norm native_group_norm rms_norm _fused_rms_norm _weight_norm renorm
            dropout native_dropout alpha_dropout feature_dropout feature_alpha_dropout bernoulli
            fake_quantize_per_tensor_affine fake_quantize_per_channel_affine
            clone contiguous detach alias lift_fresh lift_fresh_copy to _to_copy type_as
        """),
    ),
    (
        rearranged.reshape,
        _names("""
            view reshape _unsafe_view view_as reshape_as _reshape_alias flatten unflatten squeeze unsqueeze ravel
            atleast_1d atleast_2d atleast_3d
        """),
    ),
    (rearranged.permute, ("permute",)),
    (rearranged.transpose, ("transpose", "swapaxes", "swapdims", "t", "numpy_T")),
    (rearranged.expand, ("expand", "expand_as", "broadcast_to")),
    (rearranged.repeat, ("repeat", "tile")),
    (rearranged.concat, ("cat", "concat", "concatenate", "stack")),
    (rearranged.slice_, ("slice",)),
    (rearranged.narrow, ("narrow",)),
    (rearranged.select, ("select",)),
    (
        rearranged.split,
        _names("split split_with_sizes chunk tensor_split unbind unsafe_chunk unsafe_split unsafe_split_with_sizes"),
    ),
    (rearranged.item, ("getitem",)),
    (rearranged.listed, ("list",)),
    (rearranged.overwrite, ("copy", "fill", "zero")),
    (
        made_of_nothing,
        _names("""
            get_attr arange zeros ones full empty eye linspace logspace rand randn randint randperm scalar_tensor
            zeros_like ones_like full_like empty_like rand_like randn_like randint_like
            new_zeros new_ones new_full new_empty new_empty_strided empty_strided empty_permuted
            tril_indices triu_indices hann_window hamming_window
        """),
    ),
    (
        mixed,
        _names("""
            repeat_interleave roll flip rot90 movedim moveaxis
            index index_select gather take take_along_dim masked_select
            scatter scatter_add scatter_reduce index_put index_add index_copy index_fill masked_scatter
            slice_scatter select_scatter diagonal_scatter as_strided diagonal diag diag_embed meshgrid broadcast_tensors
            unfold im2col col2im pixel_shuffle pixel_unshuffle channel_shuffle
            reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d
            prod nansum nanmean amin aminmax max min argmax argmin topk sort argsort any all count_nonzero
            std var std_mean var_mean median norm linalg_vector_norm logsumexp diff one_hot glu
            eq ne lt le gt ge isnan isinf isfinite isin logical_and logical_or logical_not logical_xor
            bitwise_and bitwise_or bitwise_not bitwise_xor __and__ __or__ __xor__
            complex real imag view_as_real view_as_complex polar
        """),
    ),
)

OPERATORS: dict[str, Translation] = {name: translation for translation, names in GROUPS for name in names}
