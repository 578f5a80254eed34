"""Addresses of people, keys and one's own account; include it at the root, before nothing else of `account/`.

Names: people, person-add, person (id), person-roles, person-invite, person-deactivate, person-reactivate,
person-sign-out (all with the person's id), api-keys, api-key-create, api-key-revoke (id), profile, session-end (id),
sessions-end-others, welcome (id, token); and allauth's own below account/ (account_login, account_logout, mfa_index...).
"""

from django.urls import include, path, re_path

from safehold.accounts import profile, views

urlpatterns = [
    path("people/", views.people_list, name="people"),
    path("people/add/", views.person_add, name="person-add"),
    path("people/<str:user_id>/", views.person, name="person"),
    path("people/<str:user_id>/roles/", views.person_roles, name="person-roles"),
    path("people/<str:user_id>/invite/", views.person_invite, name="person-invite"),
    path("people/<str:user_id>/deactivate/", views.person_deactivate, name="person-deactivate"),
    path("people/<str:user_id>/reactivate/", views.person_reactivate, name="person-reactivate"),
    path("people/<str:user_id>/sign-out/", views.person_sign_out, name="person-sign-out"),
    path("keys/", views.key_list, name="api-keys"),
    path("keys/create/", views.key_create, name="api-key-create"),
    path("keys/<str:key_id>/revoke/", views.key_revoke, name="api-key-revoke"),
    path("profile/", profile.profile, name="profile"),
    path("profile/sessions/<int:session_id>/end/", profile.session_end, name="session-end"),
    path("profile/sessions/end-others/", profile.sessions_end_others, name="sessions-end-others"),
    path("welcome/<str:user_id>/<str:token>/", profile.welcome, name="welcome"),
    # Nobody signs up, and nobody gives themselves another address: single sign-on would follow it.
    re_path(r"^account/(?:signup|email|confirm-email)(?:/.*)?$", profile.not_here),
    path("account/", include("allauth.urls")),
]
