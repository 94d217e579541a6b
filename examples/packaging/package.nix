# The plugin for Nix: pkgs.callPackage ./package.nix { }
# With nushell: pkgs.nushell.withPlugins [ (pkgs.callPackage ./package.nix { }) ]
{
  lib,
  rustPlatform,
  nushell,
}:
let
  manifest = (lib.importTOML ../../Cargo.toml).package;
in
# A plugin fits one minor version of nushell.
assert lib.assertMsg (lib.versions.majorMinor nushell.version == "0.115")
  "nu_plugin_migrate ${manifest.version} needs nushell 0.115, and this nushell is ${nushell.version}";
rustPlatform.buildRustPackage {
  pname = manifest.name;
  inherit (manifest) version;
  src = lib.cleanSource ../..;
  cargoLock.lockFile = ../../Cargo.lock;
  # The tests need a PostgreSQL server and nu.
  doCheck = false;
  meta = {
    inherit (manifest) description;
    license = lib.licenses.mit;
    mainProgram = "nu_plugin_migrate";
    platforms = lib.platforms.linux ++ lib.platforms.darwin;
  };
}
