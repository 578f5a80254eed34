"""Settings, read from the environment. `make up` and `safehold` run with the defaults: SQLite and files under `var/`.

Every variable starts with SAFEHOLD_; docs/reference/settings.md lists them.
"""

import os
import secrets
from pathlib import Path
from urllib.parse import unquote, urlsplit

from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from safehold.once import write_once
from safehold.site.editor import MODULES
from safehold.site.log import configure_logging


def env(name: str, default: str = "") -> str:
    return os.environ.get(f"SAFEHOLD_{name}", default)


def env_list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in env(name, default).split(",") if part.strip()]


def env_flag(name: str, default: bool = False) -> bool:
    return env(name, "1" if default else "").lower() in {"1", "true", "yes", "on"}


#: Everything this installation writes: database, keys, files.
VAR = Path(env("VAR", "var")).resolve()


def kept(name: str, first: str) -> str:
    """What was chosen at the first start and is kept in `var/keys/`: `first`, if this is the first start."""
    path = VAR / "keys" / name
    if not path.exists():
        write_once(path, first.encode())
    return path.read_text().strip()


def database(url: str) -> dict[str, object]:
    """Django's settings for `sqlite:///path` or `postgresql://user:password@host:port/name?host=/socket/dir`."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": unquote(parts.path[1:]),
            "OPTIONS": {
                # A writer takes the lock when it begins, so two writers queue instead of failing half-way.
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "cached_statements": 512,  # the group commit has 64 sizes of each of its inserts
                # The WAL is copied back at 64 MB instead of 4: the same pages change in each commit, and a fifth of a
                # commit's work was copying them. After a crash it is read once, in a fraction of a second.
                "init_command": (
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536; "
                    "PRAGMA wal_autocheckpoint=16000;"
                ),
            },
            # Threads of one process must see one database in tests too, so it is a file there as well.
            "TEST": {"NAME": str(VAR / f"test-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}.sqlite3")},
        }
    if parts.scheme in {"postgres", "postgresql"}:
        query = dict(pair.partition("=")[::2] for pair in parts.query.split("&") if pair)
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path[1:]),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": unquote(query.get("host", "")) or parts.hostname or "",
            "PORT": str(parts.port or ""),
            "CONN_MAX_AGE": 60,
        }
    raise ValueError(f"SAFEHOLD_DATABASE_URL: {parts.scheme!r} is no database; use sqlite:///FILE or postgresql://...")


DEBUG = env_flag("DEBUG")
SECRET_KEY = env("SECRET_KEY") or kept("django-secret", secrets.token_urlsafe(50))
PUBLIC_URL = env("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
_public = urlsplit(PUBLIC_URL)
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", f"{_public.hostname},localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "django_htmx",
    "lucide",
    "csp",
    "safehold.web",  # before allauth, whose templates it dresses
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "safehold.record",
    "safehold.accounts",
    "safehold.desk.entities",
    "safehold.desk.lists",
    "safehold.desk.banks",
    "safehold.desk.reports",
    "safehold.desk.decisions",
    "safehold.desk.review",
    "safehold.desk.rules",
    "safehold.desk.looks",
    "safehold.desk.appeals",
    "safehold.desk.learning",
    "safehold.desk.sidebyside",
    "safehold.desk.transparency",
    "safehold.desk.portal",
    "safehold.console",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "safehold.site.middleware.request_log",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "safehold.site.urls"
ASGI_APPLICATION = "safehold.site.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ]
        },
    }
]

DATABASES = {"default": database(env("DATABASE_URL", f"sqlite:///{VAR / 'safehold.sqlite3'}"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# People sign in with an e-mail address and a password, a second factor, or an OpenID Connect provider.
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "safehold.accounts.adapters.InvitedOnly"
SOCIALACCOUNT_ADAPTER = "safehold.accounts.adapters.KnownPeopleOnly"
SOCIALACCOUNT_EMAIL_AUTHENTICATION = SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
# By a code, not a link: it works on the device that asked, and mail scanners can't use it up.
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
# Sign-in is limited by address and by client; the client's address is the proxy's word only where there is one.
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if env_flag("BEHIND_PROXY") else 0
SOCIALACCOUNT_PROVIDERS = (
    {
        "openid_connect": {
            "APPS": [
                {
                    "provider_id": "oidc",
                    "name": env("OIDC_NAME", "Single sign-on"),
                    "client_id": env("OIDC_CLIENT_ID"),
                    "secret": env("OIDC_SECRET"),
                    "settings": {"server_url": env("OIDC_SERVER_URL")},
                }
            ]
        }
    }
    if env("OIDC_SERVER_URL")
    else {}
)
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = "Safehold"
#: People who can give others access need a second factor (or a sign-in by the provider, which asks for one itself).
SAFEHOLD_REQUIRE_MFA = env_flag("REQUIRE_MFA")
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"

# Pages load nothing from anywhere else and run nothing written into them.
_provider = ["{0.scheme}://{0.netloc}".format(urlsplit(env("OIDC_SERVER_URL")))] if env("OIDC_SERVER_URL") else []
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],  # the editor's own style sheet carries the page's nonce
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        # A browser checks where the sign-in form is redirected to as well, so the provider has to be named here.
        "form-action": [SELF, *_provider, *env_list("FORM_ACTIONS")],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "manifest-src": [SELF],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _public.scheme == "https"
SESSION_COOKIE_HTTPONLY = True
SECURE_HSTS_SECONDS = 31_536_000 if _public.scheme == "https" else 0
if env_flag("BEHIND_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

STATIC_URL = "static/"
STATIC_ROOT = VAR / "static"
#: CodeMirror, where `safehold.site.editor` has fetched it; pages that edit policies fall back to a text field.
STATICFILES_DIRS = [("editor", str(MODULES))] if MODULES.is_dir() else []
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": VAR / "files"}},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
FORM_RENDERER = "safehold.web.forms.SafeholdRenderer"

LANGUAGE_CODE = "en"
USE_TZ = True
TIME_ZONE = "UTC"
EMAIL_BACKEND = env("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")
DEFAULT_FROM_EMAIL = env("MAIL_FROM", "safehold@localhost")
LOGGING_CONFIG = None
configure_logging(env("LOG_LEVEL", "INFO"), json=env_flag("LOG_JSON"))

#: Where policies, event types and lists are read from.
SAFEHOLD_POLICIES = Path(env("POLICIES", "policies")).resolve()
#: Where the tables of large managed lists are kept, made from the database and made again where they are missing.
SAFEHOLD_LISTS = VAR / "lists"
#: Megabytes that a file may have which is brought into a list in the console.
SAFEHOLD_LIST_UPLOAD_MB = int(env("LIST_UPLOAD_MB", "200"))
#: The service this installation decides for; the DSA reports are per service.
SAFEHOLD_SERVICE = env("SERVICE", "plaza")
#: The transparency log's name (C2SP: a schema-less URL; a log has one for ever) and its Ed25519 key, made at the first start.
SAFEHOLD_ORIGIN = env("ORIGIN") or kept("ledger-origin", _public.netloc)
SAFEHOLD_LEDGER_KEY_FILE = VAR / "keys" / "ledger-ed25519"
#: Public keys (C2SP verifier keys) that signed checkpoints before the present one, so that they still verify.
SAFEHOLD_LEDGER_OLD_KEYS = env_list("LEDGER_OLD_KEYS")
#: Hosts on private networks that webhooks may reach all the same (the demo's platform runs on this machine).
SAFEHOLD_WEBHOOK_PRIVATE_HOSTS = env_list("WEBHOOK_PRIVATE_HOSTS")
#: The service that Perspective's clients used before, asked beside our own model: its address (empty: nobody is asked), our
#: key there, seconds for an answer, and whether its scores are answered instead of ours; and where calibrations are kept.
SAFEHOLD_PERSPECTIVE_UPSTREAM = env("PERSPECTIVE_UPSTREAM", "").rstrip("/")
SAFEHOLD_PERSPECTIVE_UPSTREAM_KEY = env("PERSPECTIVE_UPSTREAM_KEY", "")
SAFEHOLD_PERSPECTIVE_UPSTREAM_SECONDS = float(env("PERSPECTIVE_UPSTREAM_SECONDS", "3"))
SAFEHOLD_PERSPECTIVE_UPSTREAM_ANSWERS = env_flag("PERSPECTIVE_UPSTREAM_ANSWERS")
#: For how many days comparisons are kept (0: for ever), and the comments that were compared, to be labelled (0: not at all).
SAFEHOLD_COMPARISON_DAYS = int(env("COMPARISON_DAYS", "180"))
SAFEHOLD_COMPARISON_TEXT_DAYS = int(env("COMPARISON_TEXT_DAYS", "0"))
SAFEHOLD_CALIBRATIONS = VAR / "calibrations" / "perspective"
#: What answers the drop-in APIs: `harm`, the shipped model, or `community`: the live community model in the attributes and
#: languages that it was taught, the shipped one in the rest.
SAFEHOLD_ANSWERS_BY = env("ANSWERS_BY", "harm")
if SAFEHOLD_ANSWERS_BY not in ("harm", "community"):
    raise ImproperlyConfigured(f"SAFEHOLD_ANSWERS_BY: `harm` or `community`, not `{SAFEHOLD_ANSWERS_BY}`")
#: Hosts on private networks from which files may be fetched to be hashed, and at which hash exchanges may be.
SAFEHOLD_FETCH_PRIVATE_HOSTS = env_list("FETCH_PRIVATE_HOSTS")
SAFEHOLD_EXCHANGE_PRIVATE_HOSTS = env_list("EXCHANGE_PRIVATE_HOSTS")
#: What one API key may send, in events a second and at once, and how many events may wait for the writer. Rate 0: no limit.
SAFEHOLD_RATE = float(env("RATE", "2000"))
SAFEHOLD_BURST = int(env("BURST", "10000"))
SAFEHOLD_WAITING = int(env("WAITING", "10000"))
#: Where media is kept that platforms send, by its SHA-256 (the signals know the folder by SAFEHOLD_VAR); how large one file and
#: all together may be; and the models that are asked about each.
SAFEHOLD_MEDIA = VAR / "media"
SAFEHOLD_MEDIA_UPLOAD_MB = int(env("MEDIA_UPLOAD_MB", "64"))
SAFEHOLD_MEDIA_GB = float(env("MEDIA_GB", "10"))
SAFEHOLD_MEDIA_MODELS = env_list("MEDIA_MODELS", "nudity")
#: Where the history files are kept (personal data: the folder is private), for how many days (0: for ever), and how much
#: memory a backtest may take before it spills to disk.
SAFEHOLD_HISTORY = Path(env("HISTORY") or VAR / "history").resolve()
SAFEHOLD_HISTORY_DAYS = int(env("HISTORY_DAYS", "0"))
SAFEHOLD_HISTORY_MEMORY = env("HISTORY_MEMORY", "2GB")
#: Whether rules that match far more than their history says are throttled; and the most of an action in a day (UTC) that
#: rules may do: `suspend:500,terminate:50`. None where nothing is said.
SAFEHOLD_BREAKER = env_flag("BREAKER", default=True)
SAFEHOLD_QUOTAS = {name: int(most) for name, _, most in (pair.partition(":") for pair in env_list("QUOTAS"))}
#: One verdict in so many is measured, for what single rules cost; 0: none is.
SAFEHOLD_COSTS_EVERY = int(env("COSTS_EVERY", "1024"))
#: Threads of each process that answers on which signals are measured ahead of the decider; 0: none are. Empty: one
#: less than there are cores, one to four.
SAFEHOLD_AHEAD = int(given) if (given := env("AHEAD")) else None
#: A branch of a Git repository that policies are kept the same with, the folder of policies in it, and whether what is on
#: that branch has been reviewed there, so that it needs no approval here.
SAFEHOLD_GIT_REMOTE = env("GIT_REMOTE")
SAFEHOLD_GIT_BRANCH = env("GIT_BRANCH", "main")
SAFEHOLD_GIT_FOLDER = env("GIT_FOLDER", ".").strip("/") or "."
SAFEHOLD_GIT_REVIEWED = env_flag("GIT_REVIEWED")
#: From which score on OpenAI's categories are flagged by /v1/moderations: `self-harm=0.3, harassment=0.7`; 0.5 for all others.
SAFEHOLD_MODERATION_THRESHOLDS = env("MODERATION_THRESHOLDS")
#: Hosts on private networks from which it may fetch images all the same.
SAFEHOLD_IMAGE_PRIVATE_HOSTS = env_list("IMAGE_PRIVATE_HOSTS")
#: For how many days after the last label the words that labels are about are kept (0: for ever). Labels stay.
SAFEHOLD_LABEL_DAYS = int(env("LABEL_DAYS", "730"))
#: Which attributes verdicts under a policy teach, where its DSA keywords say it badly: `abuse.harassment=insult+toxicity`, or
#: `payments.promo=` for none.
SAFEHOLD_LABELS_OF = {
    key.strip(): tuple(name for name in names.split("+") if name)
    for key, _, names in (pair.partition("=") for pair in env_list("LABELS_OF"))
}
#: Where windows are kept: `memory`, or `valkey://...` (safehold.engine.windows.link.Address); and how many entries memory
#: keeps for each service.
SAFEHOLD_WINDOWS = env("WINDOWS", "memory")
SAFEHOLD_WINDOW_ENTRIES = int(env("WINDOW_ENTRIES", "1000000"))
#: The file that says who takes second looks at what (safehold.desk.looks.setup); none where nothing is named.
SAFEHOLD_LOOKS = env("LOOKS")
#: Whether this process also carries decisions on (outbox, deliveries, leases, checkpoints), or `safehold worker` does.
SAFEHOLD_WORKERS = env_flag("WORKERS", default=True)
