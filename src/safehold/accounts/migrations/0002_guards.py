from django.db import migrations

from safehold.record.guards import immutable, refuse

#: Somebody active other than the row's user {user} holds the role of admin.
ANOTHER_ADMIN = (
    "EXISTS (SELECT 1 FROM accounts_rolegrant held JOIN accounts_user holder ON holder.id = held.user_id "
    "WHERE held.role = 'admin' AND held.revoked_at IS NULL AND holder.is_active AND holder.id <> {user})"
)
HOLDER_IS_ACTIVE = "EXISTS (SELECT 1 FROM accounts_user holder WHERE holder.id = NEW.user_id AND holder.is_active)"
IS_ADMIN = (
    "EXISTS (SELECT 1 FROM accounts_rolegrant own "
    "WHERE own.user_id = NEW.id AND own.role = 'admin' AND own.revoked_at IS NULL)"
)
MESSAGE = "somebody has to be an admin"


class Migration(migrations.Migration):
    dependencies = (("accounts", "0001_initial"),)
    operations = (
        *immutable("accounts_rolegrant", ["id", "user_id", "role", "granted_at"]),
        *immutable("accounts_apikey", ["id", "service", "digest", "scopes", "created_at"]),
        refuse(
            "accounts_last_admin_keeps_the_role",
            "accounts_rolegrant",
            "UPDATE OF revoked_at",
            "NEW.role = 'admin' AND OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL AND "
            f"{HOLDER_IS_ACTIVE} AND NOT {ANOTHER_ADMIN.format(user='NEW.user_id')}",
            MESSAGE,
        ),
        refuse(
            "accounts_last_admin_stays_active",
            "accounts_user",
            "UPDATE OF is_active",
            f"OLD.is_active AND NOT NEW.is_active AND {IS_ADMIN} AND NOT {ANOTHER_ADMIN.format(user='NEW.id')}",
            MESSAGE,
        ),
        refuse("accounts_people_stay", "accounts_user", "DELETE", "TRUE", "people are deactivated, never deleted"),
    )
