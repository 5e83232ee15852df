# list the recipes
_default:
    @just --list --unsorted

# what must hold before a commit (seconds)
quick:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
    cargo test --test it layers

# what must hold before a merge; the same as CI
ready:
    .ci/run

# repair what can be repaired
fix:
    cargo fmt
    cargo clippy --fix --allow-dirty --all-targets

# all tests but the drills, or those with a word in their name: just test readme
test *WORDS:
    cargo test {{WORDS}}

# servers killed, connections cut, counts compared; minutes, in a release build
drills:
    cargo test --release --test drills -- --nocapture

# real servers from packages, counted by clients that are not ours: just real, just real shop broker-kill
real *DRILLS:
    cargo build --release
    scripts/pipeline client tests/drills/real/main.py {{DRILLS}}

# loadgen beside its peers, in interleaved rounds: just bench, just bench statements 3
bench *PARTS:
    cargo bench --bench beside -- {{PARTS}}

# write the JSON Schemas and the tables of docs/scenario.md anew, from the comments in src/*/file.rs
words:
    LOADGEN_UPDATE=1 cargo test --test it -- reference
