"""The process that shapes one message: an order and a message in, frames out, and nothing else."""

import sys

from bridge.shaper.preload import load
from bridge.shaper.rlimits import confine
from bridge.shaper.seccomp import give_up_system_calls
from bridge.shaper.working import read_order, work

order = read_order(sys.stdin.buffer)
load(order.wish)
confine(order.limits)
lacking = give_up_system_calls()
work(order, sys.stdin.buffer, sys.stdout.buffer, lacking)
