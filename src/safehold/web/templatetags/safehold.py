"""`{% load safehold %}`: every component of the design system. The tags are in web/tags/, a module a kind."""

from django.template import Library

from safehold.web.tags import basics, containers, data, shell

register = Library()
for module in (basics, containers, data, shell):
    register.tags.update(module.register.tags)
    register.filters.update(module.register.filters)
