"""Every address of the product's pages, room by room. The gateway's `/v1` is not here: asgi.py routes it before Django."""

from django.urls import include, path

urlpatterns = [
    path("", include("safehold.record.urls")),
    path("", include("safehold.accounts.urls")),
    path("", include("safehold.console.urls")),
    path("", include("safehold.desk.review.urls")),
    path("", include("safehold.desk.appeals.urls")),
    path("portal/", include("safehold.desk.portal.urls")),
    path("ui/", include("safehold.web.urls")),
]
