# One door for people and CI. What each target does is in tools/ and package.json.
.PHONY: setup run test bench clean distclean

setup: ## installs what is missing, generates, compiles, builds
	@node tools/setup.mjs

run: setup ## serves examples/quickstart; Ctrl-C ends it
	@exec bin/sluice run examples/quickstart

test: setup ## lint, type check, fast tests, end-to-end tests
	@tools/node tools/test.mjs

bench: setup ## the figures in e2e/bench/RESULTS.md
	@tools/node e2e/bench/main.ts

clean: ## what was built and downloaded, except npm packages
	rm -rf dist src/gen .cache

distclean: clean
	rm -rf node_modules
