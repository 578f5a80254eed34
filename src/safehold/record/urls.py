"""Addresses of the public log, at the site's root as the origin's prefix says (C2SP tlog-tiles)."""

from django.urls import path

from safehold.record import views

app_name = "record"
urlpatterns = [
    path("checkpoint", views.checkpoint, name="checkpoint"),
    path("tile/<path:path>", views.tile, name="tile"),
    path("ledger/proof/<slug:kind>/<slug:row_id>", views.proof, name="proof"),
]
