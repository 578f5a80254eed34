"""The design system's own few addresses."""

from django.urls import path

from safehold.web import views

app_name = "web"
urlpatterns = [
    path("style/", views.style, name="style"),
    path("style/public/", views.style_public, name="style-public"),
    path("theme/", views.theme, name="theme"),
    path("palette/", views.palette, name="palette"),
]
