"""With PLEDGELINE_TEST_STORES=apart the suite of the embedded program runs on Redis, MongoDB and PostgreSQL: each data folder
gets a Redis database, a MongoDB database and a PostgreSQL schema of its own, and the same folder always the same ones."""
import os

WANTED = os.environ.get("PLEDGELINE_TEST_STORES") == "apart"
SETTINGS = ("REDIS_URL", "MONGODB_URI", "MONGODB_DATABASE", "DATABASE_URL")

_stores = None
_settings = {}


def start():
    from support.stores import Stores
    global _stores
    _stores = Stores(keeps=False)


def stop():
    if _stores:
        _stores.stop()


def settings_of(data):
    """What a program on this data folder needs to know beside it: nothing when it is embedded."""
    if not _stores:
        return {}
    folder = os.path.abspath(data)
    if folder not in _settings:
        given = _stores.settings()
        _settings[folder] = {name: given[name] for name in SETTINGS}
    return _settings[folder]


def deselect(config, items):
    """Tests of the folder itself say so: `@pytest.mark.embedded("why")`; those that have stores of their own are `own_stores`."""
    left_out = [item for item in items if WANTED and (item.get_closest_marker("embedded") or item.get_closest_marker("own_stores"))]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
