-- +goose Up

-- What hosts said of themselves. The latest of a host counts; of others only the row
-- of the receipt stays.
create table host_reports (
    id          text    not null primary key references receipts (id) on delete cascade,
    host_id     text    references hosts (id) on delete cascade,
    kernel_id   text    references kernels (id),
    latest      boolean not null default false,
    reported_at bigint,
    modules     text    not null default '', -- JSON: record.ModuleSet
    changed_at  bigint,                      -- since when the host has these modules loaded
    cmdline     text    not null default '',
    config      text    not null default '', -- identifies the running configuration
    baselines   text    not null default '', -- JSON: []record.BaselineResult
    demo        boolean not null default false
);
create index host_reports_host on host_reports (host_id, latest);
create index host_reports_kernel on host_reports (kernel_id, latest);

-- Of code that is in modules alone: which, and how many hosts have told that they have
-- loaded none of them.
alter table exposures add column modules text not null default ''; -- JSON: []string
alter table exposures add column unloaded bigint not null default 0;

-- +goose Down

alter table exposures drop column unloaded;
alter table exposures drop column modules;
drop table host_reports;
