//! What loadgen says about itself, for editors, shells and `man`.

use std::path::Path;

use clap::CommandFactory;
use clap::ValueEnum;
use clap_complete::Shell;

use crate::cli::Arguments;
use crate::cli::Refusal;
use crate::cli::output::Output;
use crate::scenario::builtin;

const NAME: &str = "loadgen";

/// The kinds of file that people write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FileKind {
    /// A scenario
    Scenario,
    /// A schema
    Schema,
}

/// Prints the JSON Schema of a kind of file.
pub(super) fn json_schema(kind: FileKind) -> u8 {
    let schema = match kind {
        FileKind::Scenario => crate::scenario::json_schema(),
        FileKind::Schema => crate::schema::json_schema(),
    };
    let mut output = Output::default();
    output.say(&format!("{schema:#}\n"));
    output.end(0)
}

/// Prints what a shell needs to complete our command lines.
pub(super) fn completions(shell: Shell) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), NAME, &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    let names: Vec<&str> = builtin::SCENARIOS.iter().map(|(name, _)| *name).collect();
    match shell {
        Shell::Bash => script += &bash(&names),
        Shell::Fish => script += &fish(&names),
        _ => {}
    }
    let mut output = Output::default();
    output.say(&script);
    output.end(0)
}

/// `@name` for a built-in scenario. Bash may take the `@` for a word of its own.
fn bash(names: &[&str]) -> String {
    format!(
        r#"
_loadgen_or_builtin() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" names="{}"
    if [[ "$word" == @* ]]; then
        COMPREPLY=($(compgen -W "$names" -P @ -- "${{word#@}}"))
    elif [[ "$before" == @ ]]; then
        COMPREPLY=($(compgen -W "$names" -- "$word"))
    else
        _loadgen "$@"
    fi
}}
complete -F _loadgen_or_builtin -o bashdefault -o default loadgen
"#,
        names.join(" ")
    )
}

fn fish(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("@{name}")).collect();
    let commands = "run check plan sample fingerprint setup seed clean";
    format!(
        "complete -c loadgen -n \"__fish_seen_subcommand_from {commands}\" -a \"{}\"\n",
        names.join(" ")
    )
}

/// Prints the manual's first page, or writes all its pages into a folder.
pub(super) fn man(folder: Option<&Path>) -> u8 {
    let mut output = Output::default();
    let command = Arguments::command().name(NAME);
    if let Some(folder) = folder {
        let made = std::fs::create_dir_all(folder);
        return match made.and_then(|()| clap_mangen::generate_to(command, folder)) {
            Ok(()) => output.end(0),
            Err(error) => {
                let text = format!("error: cannot write to `{}`: {error}", folder.display());
                Refusal { text, code: 4 }.report()
            }
        };
    }
    let mut page = Vec::new();
    // Memory takes everything.
    let _ = clap_mangen::Man::new(command).render(&mut page);
    output.say(&String::from_utf8_lossy(&page));
    output.end(0)
}
