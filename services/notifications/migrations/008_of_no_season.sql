-- What concerns no season, such as a day's report to those who publish facts.

alter table intents alter column season drop not null;
comment on column intents.season is 'Under whose rulebook the message is written; null where it is of no season.';
