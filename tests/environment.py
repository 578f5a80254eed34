"""Loaded by pytest before anything else (`-p tests.environment`): nothing a test does touches `var/` of this checkout."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

TEST_VAR = Path(tempfile.mkdtemp(prefix="safehold-tests-"))
(TEST_VAR / "static").mkdir()  # whitenoise warns where it is missing; `safehold up` makes it
atexit.register(shutil.rmtree, TEST_VAR, ignore_errors=True)

os.environ["SAFEHOLD_VAR"] = str(TEST_VAR)
if not Path(os.environ.get("XDG_RUNTIME_DIR", "/nowhere")).is_dir():  # where PostgreSQL of the tests puts its lock
    (TEST_VAR / "run").mkdir(mode=0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(TEST_VAR / "run")
os.environ.setdefault("SAFEHOLD_SECRET_KEY", "only-for-tests")
os.environ.pop("SAFEHOLD_DATABASE_URL", None)
# Playwright keeps an event loop in the test's thread; Django's ORM is used beside it, never inside a coroutine.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
