/* The metrics for CloudWatch, which reads them off the log: its embedded metric format, one JSON object a line.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html */
#pragma once

#include <stdio.h>

/* Writes one line with what changed since the last call, in the namespace Pledgeline with the dimension `service` (the function's
 * name); nothing when nothing did. Waiting times are milliseconds. For one thread; out is flushed. A line that cannot be
 * written is lost: metrics never hold up the work they count. */
void emf_flush(const char *service, FILE *out);
