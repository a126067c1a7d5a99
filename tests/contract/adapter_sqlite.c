#include "adapter/sqlite.h"
#include "adapters.h"

static void open_sqlite(Contract *contract, SqliteLiveMode mode)
{
    SqliteStore *store = NULL;
    SqliteSettings settings = {.folder = contract->folder, .mode = SQLITE_WRITER};
    must(contract, sqlite_store_open(&settings, &store, &contract->fault));
    contract->stores = store;
    contract->ports = (Ports){.unit = sqlite_unit(store), .registry = sqlite_registry(store), .effects = sqlite_effects(store),
                              .gifts = sqlite_gifts(store),
                              .cdrs = sqlite_cdrs(store), .live = sqlite_live(store, mode), .sms = sqlite_sms(store),
                              .spool = sqlite_spool(store)};
}

static void open_joined(Contract *contract) { open_sqlite(contract, SQLITE_LIVE_JOINED); }
static void open_guarded(Contract *contract) { open_sqlite(contract, SQLITE_LIVE_GUARDED); }
static void close_sqlite(Contract *contract) { sqlite_store_close(contract->stores); }

const ContractAdapter contract_sqlite = {"sqlite", open_joined, close_sqlite, NULL};
const ContractAdapter contract_sqlite_guarded = {"sqlite with guards", open_guarded, close_sqlite, NULL};

