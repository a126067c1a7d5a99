/* Settings of providers, and what they post, for tests that look at one provider alone. */
#pragma once

#include "../check.h"

#include "adapter/sms_provider.h"

typedef struct PostedHeader { const char *name, *value; } PostedHeader;

/* With the settings given, ended by a NULL name, and those that are usual: see sms_site.c. */
SmsSite site_with(Config *config, const char *public_url, const ConfigOverride *settings);

/* headers ends with a NULL name; it is the callback's request. */
SmsCallback posted(const char *method, const char *path, const char *query, Slice body, const PostedHeader *headers);
