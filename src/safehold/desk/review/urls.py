"""Addresses of the queues and of what waits in them; include it at the root.

Names: queues, queue (slug), queue-start (slug), task (id), task-words (id), task-decide (id), task-heartbeat (id), and what
one does with a task: task-claim, task-release, task-skip, task-escalate, task-move, task-take-back (all with the task's id).
"""

from django.urls import path

from safehold.desk.review.pages import queues, task

urlpatterns = [
    path("queues/", queues.queue_list, name="queues"),
    path("queues/<slug:slug>/", queues.queue, name="queue"),
    path("queues/<slug:slug>/start/", queues.start, name="queue-start"),
    path("tasks/<str:task_id>/", task.task, name="task"),
    path("tasks/<str:task_id>/words/", task.words, name="task-words"),
    path("tasks/<str:task_id>/decide/", task.decide, name="task-decide"),
    path("tasks/<str:task_id>/heartbeat/", task.heartbeat, name="task-heartbeat"),
    path("tasks/<str:task_id>/claim/", task.claim, name="task-claim"),
    path("tasks/<str:task_id>/release/", task.release, name="task-release"),
    path("tasks/<str:task_id>/skip/", task.skip, name="task-skip"),
    path("tasks/<str:task_id>/escalate/", task.escalate, name="task-escalate"),
    path("tasks/<str:task_id>/move/", task.move, name="task-move"),
    path("tasks/<str:task_id>/take-back/", task.take_back, name="task-take-back"),
]
