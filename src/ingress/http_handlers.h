/* The handlers that the table of routes points to. */
#pragma once

#include "ingress/api.h"

void sns_api(Call *call, const Ports *ports);
/* The same refusal that other routes put into problem+json. */
void sns_refuse(Call *call, unsigned code, Slice detail);
void sns_push(Call *call, const Ports *ports);
void sns_push_raw(Call *call, const Ports *ports);

/* Of a receipt, or a person's message. */
void sms_callback(Call *call, const Ports *ports);

void events_of_topic(Call *call, const Ports *ports);
void events_of_any_topic(Call *call, const Ports *ports);

void blacklist_list(Call *call, const Ports *ports);
void blacklist_put(Call *call, const Ports *ports);
void blacklist_check(Call *call, const Ports *ports);
void blacklist_import(Call *call, const Ports *ports);
void blacklist_export(Call *call, const Ports *ports);
void blacklist_show(Call *call, const Ports *ports);
void blacklist_delete(Call *call, const Ports *ports);

void actions_list(Call *call, const Ports *ports);
void actions_put(Call *call, const Ports *ports);
void sms_list(Call *call, const Ports *ports);

void link_open(Call *call, const Ports *ports);
void gifts_take(Call *call, const Ports *ports);
void gifts_list(Call *call, const Ports *ports);

void cdrs_list(Call *call, const Ports *ports);
void cdrs_show(Call *call, const Ports *ports);

void campaigns_list(Call *call, const Ports *ports);
void campaigns_compare(Call *call, const Ports *ports);
void campaign_stats(Call *call, const Ports *ports);
void campaign_live(Call *call, const Ports *ports);
void counters_recount(Call *call, const Ports *ports);

void dlq_list(Call *call, const Ports *ports);
void dlq_show(Call *call, const Ports *ports);
void dlq_redrive(Call *call, const Ports *ports);
void dlq_drop(Call *call, const Ports *ports);

void live_stream(Call *call, const Ports *ports);

void call_terminate(Call *call, const Ports *ports);

void health(Call *call, const Ports *ports);
void readiness(Call *call, const Ports *ports);
void metrics_page(Call *call, const Ports *ports);
void version_page(Call *call, const Ports *ports);
