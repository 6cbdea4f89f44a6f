-- +goose Up

-- Signatures of releases that kept no stacks are counted as all others are, and
-- found by what they lack.
insert into frame_counts (function, signatures)
    select '', count(*) from signatures where replaced_by = ''
    on conflict (function) do update set signatures = excluded.signatures;
create index signatures_bare on signatures (id) where stack = '';

-- +goose Down

drop index signatures_bare;
