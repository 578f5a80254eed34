"""Addresses of appeals in the console; include it at the root.

Names: appeals, appeals-start, appeal (id), appeal-claim (id), appeal-hear (id). Skipping, escalating and putting back go
through the appeal's task (`task-skip`, `task-escalate`, `task-release`).
"""

from django.urls import path

from safehold.desk.appeals import pages

urlpatterns = [
    path("appeals/", pages.appeal_list, name="appeals"),
    path("appeals/start/", pages.start, name="appeals-start"),
    path("appeals/<str:appeal_id>/", pages.appeal, name="appeal"),
    path("appeals/<str:appeal_id>/claim/", pages.claim, name="appeal-claim"),
    path("appeals/<str:appeal_id>/hear/", pages.hear_it, name="appeal-hear"),
]
