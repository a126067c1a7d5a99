#include "lambda/function.h"

int main(void) { return function_main(&speech_function); }
