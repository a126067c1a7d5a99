/* Tables for people. Nothing is cut: at a terminal long text wraps in its cell, and rows that fit no line become blocks. */
#pragma once

#include "verb/output.h"

typedef struct Table Table;

/* columns must outlive the table. */
Table *table_open(const Column *columns, size_t count);
void table_row(Table *table, const Slice *cells);
/* Prints on stdout and frees. */
void table_close(Table *table);
