#include "lambda/function.h"

int main(void) { return function_main(&optout_function); }
