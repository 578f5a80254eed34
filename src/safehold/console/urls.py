"""Addresses of the console; include it at the root.

Names: overview, live, decisions, decision (id), policies, policy (key), policy-diff (key, before, after), ledger,
ledger-entries, ledger-entry (index), ledger-entry-proof (index), ledger-verify, ledger-progress, deliveries,
dead-letters, dead-letters-retry, delivery (id), delivery-retry (id), endpoints, endpoint-add, endpoint (id),
endpoint-rotate (id), endpoint-switch (id), endpoint-ping (id), audit, reports, report (id).
"""

from django.urls import path

from safehold.console import audit, decision, decisions, ledger, overview, policies, reports, webhooks

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("live/", overview.live_lines, name="live"),
    path("decisions/", decisions.decision_list, name="decisions"),
    path("decisions/<str:decision_id>/", decision.decision, name="decision"),
    path("policies/", policies.policy_list, name="policies"),
    path("policies/<str:key>/", policies.policy, name="policy"),
    path("policies/<str:key>/<str:before>/<str:after>/", policies.policy_diff, name="policy-diff"),
    path("ledger/", ledger.ledger, name="ledger"),
    path("ledger/verify/", ledger.verify_start, name="ledger-verify"),
    path("ledger/progress/", ledger.verify_progress, name="ledger-progress"),
    path("ledger/entries/", ledger.entry_list, name="ledger-entries"),
    path("ledger/entries/<int:index>/", ledger.entry, name="ledger-entry"),
    path("ledger/entries/<int:index>/proof/", ledger.entry_proof, name="ledger-entry-proof"),
    path("webhooks/", webhooks.delivery_list, name="deliveries"),
    path("webhooks/dead/", webhooks.dead_letters, name="dead-letters"),
    path("webhooks/dead/retry/", webhooks.retry_all, name="dead-letters-retry"),
    path("webhooks/messages/<str:delivery_id>/", webhooks.delivery, name="delivery"),
    path("webhooks/messages/<str:delivery_id>/retry/", webhooks.delivery_retry, name="delivery-retry"),
    path("webhooks/endpoints/", webhooks.endpoint_list, name="endpoints"),
    path("webhooks/endpoints/add/", webhooks.endpoint_add, name="endpoint-add"),
    path("webhooks/endpoints/<str:endpoint_id>/", webhooks.endpoint, name="endpoint"),
    path("webhooks/endpoints/<str:endpoint_id>/rotate/", webhooks.endpoint_rotate, name="endpoint-rotate"),
    path("webhooks/endpoints/<str:endpoint_id>/ping/", webhooks.endpoint_ping, name="endpoint-ping"),
    path("webhooks/endpoints/<str:endpoint_id>/switch/", webhooks.endpoint_switch, name="endpoint-switch"),
    path("audit/", audit.audit, name="audit"),
    path("reports/", reports.report_list, name="reports"),
    path("reports/<str:notice_id>/", reports.report, name="report"),
]
