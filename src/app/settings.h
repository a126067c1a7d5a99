/* From settings as they are written to those that the line works by. */
#pragma once

#include "base/config.h"
#include "pipeline.h"

/* REJECT "setting_value", "setting_file" or "setting_conflict" names the one that is wrong. What *ret points to lives in config
 * and in arena. Reads the rates file, else nothing outside of config. */
Status settings_read(const Config *config, Arena *arena, PipelineSettings *ret, Fault *fault);

/* What is only known once the ports are wired: whether persons who write can be answered, and the quiet hours, which hold where texts go to
 * a provider or calls are placed. Only there it reads the time zones of the system. */
Status settings_meet_ports(const Config *config, const Ports *ports, Arena *arena, PipelineSettings *settings, Fault *fault);
