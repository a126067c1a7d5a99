/* What the settings say of donation links: how they are made, and where they lead. */
#pragma once

#include "base/config.h"
#include "event/handlers.h"

/* Texts live in config and arena. REJECT names the setting that is wrong. */
Status link_settings_read(const Config *config, Arena *arena, EventSettings *event, Fault *fault);
