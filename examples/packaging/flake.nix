# nix build '.?dir=examples/packaging', from the top of the repository.
# nix run '.?dir=examples/packaging#nu' starts a nu with the plugin, and with psql on its PATH.
{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixpkgs-unstable";
  outputs =
    { nixpkgs, ... }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
    in
    {
      packages = nixpkgs.lib.genAttrs systems (
        system:
        let
          pkgs = nixpkgs.legacyPackages.${system};
          plugin = pkgs.callPackage ./package.nix { };
          nu = pkgs.nushell.withPlugins [ plugin ];
        in
        {
          default = plugin;
          nu = pkgs.writeShellApplication {
            name = "nu";
            runtimeInputs = [ pkgs.postgresql ];
            text = ''exec ${nu}/bin/nu "$@"'';
          };
        }
      );
    };
}
