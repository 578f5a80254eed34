"""Addresses of the console; include it at the root."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
