# Targets only call scripts or the go tool; what they do is written there.

.PHONY: all build demo test lint fuzz bench golden clean

all: build

build:
	CGO_ENABLED=0 go build -trimpath -o bin/ringside ./cmd/ringside

demo: build
	bin/ringside demo

test:
	scripts/test

lint:
	scripts/lint

fuzz:
	scripts/fuzz

bench:
	bench/run

golden:
	go test ./... -run 'Golden|Lab|Script' -update

clean:
	rm -rf bin dist
