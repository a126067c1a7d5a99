#include "lambda/function.h"

int main(void) { return function_main(&gateway_function); }
