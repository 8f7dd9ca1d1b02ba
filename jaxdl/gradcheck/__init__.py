"""Derivatives by hand, and checks of all the others."""

from jaxdl.gradcheck.backprop import Backward as Backward
from jaxdl.gradcheck.backprop import Gate as Gate
from jaxdl.gradcheck.backprop import Line as Line
from jaxdl.gradcheck.backprop import add_gate as add_gate
from jaxdl.gradcheck.backprop import backward as backward
from jaxdl.gradcheck.backprop import multiply_gate as multiply_gate
from jaxdl.gradcheck.backprop import sigmoid_gate as sigmoid_gate
from jaxdl.gradcheck.backprop import squared_error_and_grad as squared_error_and_grad
from jaxdl.gradcheck.backprop import worked_example as worked_example
from jaxdl.gradcheck.bptt import ThroughTime as ThroughTime
from jaxdl.gradcheck.bptt import elman_backward as elman_backward
from jaxdl.gradcheck.bptt import lstm_1997_backward as lstm_1997_backward
from jaxdl.gradcheck.bptt import lstm_backward as lstm_backward
from jaxdl.gradcheck.comparison import LeafReport as LeafReport
from jaxdl.gradcheck.comparison import check as check
from jaxdl.gradcheck.finite_difference import Difference as Difference
from jaxdl.gradcheck.finite_difference import central_difference as central_difference
from jaxdl.gradcheck.finite_difference import complex_step as complex_step
from jaxdl.gradcheck.problem import Case as Case
