/* Addresses of the network: where to listen, and who may connect. */
#pragma once

#include <sys/socket.h>

#include "base/arena.h"
#include "base/status.h"

typedef struct Address {
    struct sockaddr_storage socket;
    socklen_t bytes;
} Address;

/* "127.0.0.1:4573", "[::1]:4573", or a port alone, which is on 127.0.0.1. Numbers, no names. False when it is nothing of that. */
bool address_read(Slice text, Address *ret);
/* As it is read; at least 64 bytes. */
void address_print(const Address *address, char out[64]);
bool address_is_loopback(const Address *address);

typedef struct AddressRange { uint8_t bytes[16]; int bits; } AddressRange; /* IPv4 as ::ffff:a.b.c.d (RFC 4291) */
typedef struct AddressRanges { AddressRange *ranges; size_t count; } AddressRanges;

/* Addresses and CIDR ranges (RFC 4632), separated by commas or white space. REJECT "address_invalid" names the wrong one. */
Status address_ranges_read(Slice text, Arena *arena, AddressRanges *ret, Fault *fault);
bool address_is_among(const AddressRanges *ranges, const Address *address);
