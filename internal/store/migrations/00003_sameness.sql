-- +goose Up

-- What makes signatures comparable: one stack that stands for each, the
-- functions on it, and in how many signatures each function is.
alter table signatures add column stack text not null default ''; -- JSON: similar.Stack; '' where none was kept

create table signature_frames (
    signature_id text not null references signatures (id) on delete cascade,
    function     text not null,
    primary key (signature_id, function)
);
create index signature_frames_function on signature_frames (function, signature_id);

-- A roll-up of signature_frames. The function '' counts the signatures.
create table frame_counts (
    function   text   not null primary key,
    signatures bigint not null
);

-- Groups of signatures that people merged. Every member names the oldest one,
-- which stands for all of them; null: it stands for itself.
alter table signatures add column group_id text;
create index signatures_group on signatures (group_id) where group_id is not null;

-- What people decided about pairs of signatures.
create table signature_links (
    id        text   not null primary key,
    a         text   not null references signatures (id) on delete cascade,
    b         text   not null references signatures (id) on delete cascade,
    kind      text   not null check (kind in ('must', 'cannot')),
    by_whom   text   not null default '',
    at        bigint not null,
    reason    text   not null default '',
    undone_at bigint,
    undone_by text   not null default ''
);
create index signature_links_a on signature_links (a);
create index signature_links_b on signature_links (b);

-- Pairs that are alike and that nobody has decided about.
create table merge_suggestions (
    a       text   not null references signatures (id) on delete cascade, -- the smaller ID
    b       text   not null references signatures (id) on delete cascade,
    score   bigint not null, -- millionths
    zone    text   not null,
    reasons text   not null, -- JSON
    at      bigint not null,
    primary key (a, b)
);
create index merge_suggestions_score on merge_suggestions (score, a, b);
create index merge_suggestions_b     on merge_suggestions (b);

-- The rules that signatures are made by: the one that groups, and those that did.
create table signature_algorithms (
    name  text   not null primary key,
    state text   not null check (state in ('active', 'former')),
    since bigint not null
);
insert into signature_algorithms (name, state, since)
    select algorithm, 'active', 0 from signatures group by algorithm order by count(*) desc, algorithm desc limit 1;

-- A signature that new rules joined into another; links to it still lead there.
alter table signatures add column replaced_by text not null default '';

-- How the record would look by other rules.
create table backfills (
    id          text   not null primary key,
    was         text   not null, -- algorithm
    became      text   not null, -- algorithm
    state       text   not null check (state in ('running', 'ready', 'accepting', 'accepted', 'abandoned')),
    started_at  bigint not null,
    finished_at bigint,
    place       text   not null default '', -- the last artefact that was read
    total       bigint not null default 0,
    done        bigint not null default 0,
    unreadable  bigint not null default 0,
    decided_at  bigint,
    decided_by  text   not null default '',
    result      text   not null default ''  -- JSON: the diff as it was accepted
);

create table shadow_signatures (
    key      text not null primary key,
    family   text not null,
    basis    text not null,
    title    text not null,
    kind     text not null,
    class    text not null,
    function text not null,
    module   text not null,
    file     text not null,
    stack    text not null
);

create table shadow_reports (
    crash_id text   not null,
    idx      bigint not null,
    key      text   not null,
    primary key (crash_id, idx),
    foreign key (crash_id, idx) references crash_reports (crash_id, idx) on delete cascade
);
create index shadow_reports_key on shadow_reports (key);

-- +goose Down

drop table shadow_reports;
drop table shadow_signatures;
drop table backfills;
alter table signatures drop column replaced_by;
drop table signature_algorithms;
drop table merge_suggestions;
drop table signature_links;
drop index signatures_group;
alter table signatures drop column group_id;
drop table frame_counts;
drop table signature_frames;
alter table signatures drop column stack;
