"""The portal's addresses. Those of statements and reports are made where they are sent from: `statement_url`, `notice_url`."""

from django.urls import path, re_path

from safehold.desk.portal import reports, statements

app_name = "portal"
urlpatterns = [
    path("report/", reports.report, name="report"),
    re_path(r"^statements/(?P<statement_id>[^/]+)/(?P<token>[^/]+)/?$", statements.statement, name="statement"),
    re_path(r"^reports/(?P<notice_id>[^/]+)/(?P<token>[^/]+)/?$", reports.follow, name="follow"),
]
