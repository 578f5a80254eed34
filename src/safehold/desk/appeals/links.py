"""Where the person who appealed follows it: the page of what they appealed against."""

from safehold.desk.appeals.models import Appeal
from safehold.desk.reports.links import notice_url
from safehold.desk.transparency.statements import statement_url


def page_of(appeal: Appeal) -> str:
    """The page's address; '' if they never got one."""
    if appeal.notice:
        return notice_url(appeal.notice)
    statement = getattr(appeal.decision, "statement", None)
    return statement_url(statement) if statement else ""
