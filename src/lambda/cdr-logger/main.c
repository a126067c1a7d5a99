#include "lambda/function.h"

int main(void) { return function_main(&cdr_function); }
