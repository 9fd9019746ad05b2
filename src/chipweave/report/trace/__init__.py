"""`trace.json`: a schedule over time, for Perfetto."""

from chipweave.report.trace.document import to_text as to_text
from chipweave.report.trace.document import trace as trace
from chipweave.report.trace.document import write as write
