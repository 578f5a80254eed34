"""What other rooms may want to hear about people. The desk listens; this room knows nothing of it."""

from django.dispatch import Signal

#: Sent inside the transaction that deactivates somebody, with `user` and `by`: whoever holds something in that
#: person's name lets go of it (the review room releases their claims). A receiver's error undoes the deactivation.
person_deactivated = Signal()
