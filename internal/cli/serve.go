package cli

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/cobra"

	"ringside/internal/child"
	"ringside/internal/record"
)

// serveConfig is the configuration of "serve". A flag wins over the
// environment, that over the file.
type serveConfig struct {
	Listen    string `koanf:"listen"`
	Data      string `koanf:"data"`
	Token     string `koanf:"token"`
	Owners    string `koanf:"owners"`
	MaxUpload int64  `koanf:"max_upload"` // MiB
	MaxDump   int64  `koanf:"max_dump"`   // MiB
	// DumpMemory is what the analysis of a dump may use, in MiB.
	DumpMemory int64  `koanf:"dump_memory"`
	LogFormat  string `koanf:"log_format"`
	CVEFeed    string `koanf:"cve_feed"`
	CVEPolicy  string `koanf:"cve_policy"`
	Exposure   string `koanf:"cve_exposure"`
}

// serveKeys are the keys of serveConfig, for finding misspelt ones.
var serveKeys = map[string]bool{"listen": true, "data": true, "token": true, "owners": true, "max_upload": true, "max_dump": true, "dump_memory": true, "log_format": true,
	"cve_feed": true, "cve_policy": true, "cve_exposure": true}

func newServe(s Streams) *cobra.Command {
	var configFile string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the system of record: HTTP API, web interface and jobs",
		Long: `Serve keeps everything in one folder: an embedded SQLite database and the
artefacts as files. What it has acknowledged it has on disk.

Settings come from flags, the environment (RINGSIDE_LISTEN, RINGSIDE_DATA,
RINGSIDE_TOKEN, RINGSIDE_OWNERS, RINGSIDE_MAX_UPLOAD, RINGSIDE_MAX_DUMP,
RINGSIDE_DUMP_MEMORY, RINGSIDE_LOG_FORMAT, RINGSIDE_CVE_FEED, RINGSIDE_CVE_POLICY,
RINGSIDE_CVE_EXPOSURE) or a YAML file with the same names in
lower case, in this order.

Without a token everybody who can reach the address can change the record;
that is why it listens on this machine only unless told otherwise.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			cfg, err := loadServeConfig(c, configFile)
			if err != nil {
				return usage(err)
			}
			log, err := newLogger(s, cfg.LogFormat)
			if err != nil {
				return usage(err)
			}
			l, err := new(net.ListenConfig).Listen(c.Context(), "tcp", cfg.Listen)
			if err != nil {
				return usagef("listen: %w", err)
			}
			defer func() { _ = l.Close() }() // serving closes it too
			if ip := l.Addr().(*net.TCPAddr).IP; cfg.Token == "" && !ip.IsLoopback() {
				log.Warn("anybody who can reach this address can change the record; set a token", "listen", cfg.Listen)
			}
			n, err := openNode(c.Context(), nodeConfig{Data: cfg.Data, Owners: cfg.Owners, MaxUpload: cfg.MaxUpload << 20,
				MaxDump: cfg.MaxDump << 20, DumpMemory: cfg.DumpMemory << 20, Log: log,
				CVEFeed: cfg.CVEFeed, CVEPolicy: cfg.CVEPolicy, Exposure: cfg.Exposure})
			if err != nil {
				return err
			}
			defer closing(&err, n.close)
			if err := n.dumps.Clear(); err != nil {
				return fmt.Errorf("clear what the analyses of an earlier run left: %w", err)
			}
			h, err := n.handler(cfg.Token, false)
			if err != nil {
				return &exitError{exitInternal, err}
			}
			fmt.Fprintf(s.Out, "Ringside is at %s\n", address(l))
			if err := n.serve(c.Context(), l, h); err != nil {
				return &exitError{exitInternal, err}
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&configFile, "config", "", "read settings from this YAML `FILE`")
	f.String("listen", "127.0.0.1:8460", "`ADDRESS` to listen on")
	f.String("data", "ringside-data", "`DIR` that holds the record")
	f.String("token", "", "`TOKEN` that clients must present to change anything (better: RINGSIDE_TOKEN)")
	f.String("owners", "", "`FILE` in MAINTAINERS syntax whose entries win over the kernel's")
	f.Int64("max-upload", 256, "largest artefact taken, in `MiB`")
	f.Int64("max-dump", record.DefaultMaxDump>>20, "largest kernel dump or recording taken, in `MiB`")
	f.Int64("dump-memory", child.DefaultMemory>>20, "how much memory the analysis of a dump or a recording may use, in `MiB`")
	f.String("log-format", "text", "text or json")
	f.String("cve-feed", "", "`FEED` of CVE records that kernels are judged by: a checkout of the kernel's vulns repository, a folder, file or URL")
	f.String("cve-policy", "", "`FILE` with the deadlines of CVEs, as for ringside cve sla; critical 14 days, high 30, medium 90 without it")
	f.String("cve-exposure", "", "`NAME` of the environment whose deadlines count, of those in the policy")
	return c
}

func loadServeConfig(c *cobra.Command, path string) (serveConfig, error) {
	k := koanf.New(".")
	if path != "" {
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			return serveConfig{}, fmt.Errorf("read %s: %w", path, err)
		}
		for _, key := range k.Keys() {
			if !serveKeys[key] {
				return serveConfig{}, fmt.Errorf("%s: there is no setting %q", path, key)
			}
		}
	}
	fromEnv := env.Provider(".", env.Opt{Prefix: "RINGSIDE_", TransformFunc: func(key, value string) (string, any) {
		key = strings.ToLower(strings.TrimPrefix(key, "RINGSIDE_"))
		if !serveKeys[key] {
			return "", nil // another verb's
		}
		return key, value
	}})
	if err := k.Load(fromEnv, nil); err != nil {
		return serveConfig{}, fmt.Errorf("read the environment: %w", err)
	}
	for key := range serveKeys {
		f := c.Flags().Lookup(strings.ReplaceAll(key, "_", "-"))
		if f.Changed || !k.Exists(key) {
			if err := k.Set(key, f.Value.String()); err != nil {
				return serveConfig{}, err
			}
		}
	}
	var cfg serveConfig
	if err := k.Unmarshal("", &cfg); err != nil {
		return cfg, fmt.Errorf("read settings: %w", err)
	}
	if cfg.MaxUpload <= 0 {
		return cfg, fmt.Errorf("max-upload must be at least 1 MiB")
	}
	if cfg.MaxDump <= 0 || cfg.DumpMemory <= 0 {
		return cfg, fmt.Errorf("max-dump and dump-memory must be at least 1 MiB")
	}
	return cfg, nil
}

func newLogger(s Streams, format string) (*slog.Logger, error) {
	o := &slog.HandlerOptions{Level: slog.LevelInfo}
	if os.Getenv("RINGSIDE_DEBUG") != "" {
		o.Level = slog.LevelDebug
	}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(s.Err, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(s.Err, o)), nil
	}
	return nil, fmt.Errorf("log-format %q: use text or json", format)
}
