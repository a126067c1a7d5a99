/* {{name}} placeholders of a text message. Pure. */
#pragma once

#include "base/arena.h"
#include "base/status.h"

typedef struct TemplateVariable { const char *name; Slice value; } TemplateVariable;

/* One pass: values are not looked into again. REJECT names a placeholder that has no value: none may remain. */
Status text_template_fill(Slice template_text, const TemplateVariable *variables, size_t count, Arena *arena,
                          Slice *ret_text, Fault *fault);
