# What 100 validation scripts cost, beside 100 starts of nu itself in the same minute.
#
#     nu --plugins '[target/release/nu_plugin_migrate]' tests/measure_validation.nu
#
# Needs an empty database in PG*. Prints a table; the best of some rounds, in turns.

def main [--scripts: int = 100, --rounds: int = 3] {
    let folder = mktemp --directory
    for number in 1..$scripts {
        let name = 20240101000000 + $number
        "SELECT 1;\n" | save $"($folder)/($name)_core_step.sql"
        "1 + 1\n" | save $"($folder)/($name)_core_step.nu"
    }
    let floor = 1..$rounds | each {|_|
        timeit { for _ in 1..$scripts { ^$nu.current-exe --commands '' } }
    }
    let bare = 1..$rounds | each {|_|
        timeit { for _ in 1..$scripts { ^$nu.current-exe --no-config-file --commands '' } }
    }
    let with_scripts = 1..$rounds | each {|_| timeit { migrate validate $folder --quiet } }
    glob $"($folder)/*.nu" | each {|script| rm $script } | ignore
    let without = 1..$rounds | each {|_| timeit { migrate validate $folder --quiet } }
    rm --recursive $folder
    [
        { what: $"($scripts) starts of nu", time: ($floor | math min) }
        { what: $"($scripts) starts of nu -n", time: ($bare | math min) }
        { what: $"($scripts) scripts", time: ($with_scripts | math min) }
        { what: "no script", time: ($without | math min) }
    ]
}
