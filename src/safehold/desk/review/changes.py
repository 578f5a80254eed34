"""What other rooms may want to hear about tasks. Appeals listen; this room knows nothing of them."""

from django.dispatch import Signal

#: Sent inside the transaction that moves a task, with `task` (as it is now), `activity` (of states.TASK), `person` (who
#: did it, None for the clock) and `record` (the open recording). A receiver's error undoes the move.
task_moved = Signal()
