# The recipes of the project; `.ci/run` does the same as `just lint test`.

# Format, clippy and docs, warnings as errors
lint:
    cargo fmt --all --check
    cargo fmt --manifest-path fuzz/Cargo.toml --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --document-private-items
    cargo fetch --locked
    cargo deny --offline check bans licenses sources

# The oldest Rust that Cargo.toml promises; needs `rustup toolchain install` of that version
oldest-rust:
    bash .ci/oldest-rust

# All tests
test:
    cargo test --workspace

# Ratios to raw servers, to Redis and to ssh, in less than eight minutes; `just bench --check` fails where a goal is missed
bench *ARGS:
    cargo build --release -p topside-server -p topside-client -p topside-bench
    target/release/topside-bench {{ARGS}}

# The server killed 100 times with 20 runs going on, and 100 times in windows of a program and of a worker, with hooks of the
# box; `just crash 1000` for longer
crash ROUNDS="100":
    TOPSIDE_CRASH_ROUNDS={{ROUNDS}} cargo test -p topside-server --test it crash::

# The server killed between the claim of a start of a schedule and its program, and at any moment; `just schedule-kills 1000`
# for longer
schedule-kills ROUNDS="100":
    TOPSIDE_SCHEDULE_ROUNDS={{ROUNDS}} cargo test -p topside-server --test it schedule_kills::

# The same for the audit log: all that took effect is in it, and its chain is whole
audit-crash ROUNDS="100":
    TOPSIDE_AUDIT_ROUNDS={{ROUNDS}} cargo test -p topside-server --test it audit_crash::

# 1 GB up and down with flat memory
large-file MB="1000":
    TOPSIDE_TEST_FILE_MB={{MB}} cargo test --release -p topside-client --test cli -- --nocapture flat_memory

# Faults, alone and in pairs, during 20 live runs with pending hooks, during windows on a box with hooks, and of the hub, in
# some ten minutes; `just chaos 60` for longer
chaos ROUNDS="30":
    TOPSIDE_CHAOS_ROUNDS={{ROUNDS}} cargo test -p topside-server --test it chaos

# Each fuzz target for 30 s; `just fuzz 300 invite` for one of them, and longer
fuzz *ARGS:
    bash fuzz/run {{ARGS}}

# The manual, in target/man: `man -M target/man topside`
man:
    cargo run --quiet -- man target/man

# The book of this version, in target/book; needs `cargo install --locked mdbook --version 0.5.4`
book:
    bash .ci/book

# The crates as a registry takes them, each built from its own package, in target/package
package:
    cargo package --locked -p topside-shared -p topside-server -p topside-client

# An archive of programs, manual, completions and samples for each installed target, with its checksum, in target/dist
release:
    bash config/packaging/release target/dist

# The packages for Debian, in target/deb; needs `apt install dpkg-dev lintian`, `cargo install --locked cargo-deb mdbook`
deb:
    bash config/packaging/build tools
    cargo build --release --package topside-server --package topside-client
    bash config/packaging/build release target/deb
    bash config/packaging/check target/deb

# The same, installed in a fresh Debian under its own systemd; as root, with debootstrap and systemd-container
try-deb: deb
    bash config/packaging/try target/deb

# The image of the Containerfile, run by the sample for compose; as root, with debootstrap, podman, runc and python3-venv
try-container:
    bash config/packaging/try-container

# The pictures of the README, made from the real program
shots:
    bash docs/shots/make

# Everything that must hold before a change lands
ci:
    bash .ci/run
