# The few things that everybody needs. Everything else is in tools/ and in Meson.

.DEFAULT_GOAL := build
.PHONY: help run demo-asterisk test bench build clean

help:            ## say what there is
	@sed -n 's/^\([a-z-]*\): .*## /  make \1	/p' Makefile

run: build       ## serve on PORT (8080) with PLEDGELINE_DATA (./data), play a campaign, show what came out
	@tools/run

demo-asterisk: build  ## fifty real calls through a real Asterisk, laid beside its own records
	@tools/install-packages demo
	@tools/demo-asterisk

test:            ## build in every way and run every suite; the last line counts
	@tools/install-packages build test lambda
	@tools/test

bench:           ## measure, beside the ceilings; writes docs/performance.md
	@tools/install-packages build test bench
	@tools/build build-bench --buildtype=release
	@tools/bench build-bench

build:           ## build/pledgeline
	@tools/install-packages build
	@tools/build build

clean:           ## remove what was built, not your data
	@rm -rf build build-*
