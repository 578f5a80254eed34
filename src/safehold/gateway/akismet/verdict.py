"""What an action of the policies is in Akismet's words. Who calls: `akismet`'s routes;
`desk.learning.sites` counts by it."""

#: Actions after which a comment is not to be seen: what Akismet calls spam is what its clients then do.
WITHHELD = frozenset({"hold", "remove", "suspend", "terminate"})
#: Actions after which nobody needs to see it any more, if a policy against spam took them and asked no person to look.
GONE = WITHHELD - {"hold"}
