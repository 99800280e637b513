PRAGMA user_version=5;
BEGIN TRANSACTION;
CREATE TABLE comparison (
  service TEXT PRIMARY KEY,
  rollout INTEGER NOT NULL,
  state   TEXT NOT NULL
) STRICT;
CREATE TABLE entry (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  service TEXT NOT NULL,
  rollout INTEGER NOT NULL,
  time    INTEGER NOT NULL,
  event   TEXT NOT NULL,
  weight  INTEGER,
  actor   TEXT NOT NULL,
  detail  TEXT
, origin TEXT, hash TEXT) STRICT;
INSERT INTO "entry" VALUES(1,'chat',0,1795722000956,'apply',NULL,'root','generation 1','host.example by python3','03a4c78a1b6b1486c8924ae27f103849f503a6ec0ed71c37ae6cf5671b76d24e');
INSERT INTO "entry" VALUES(2,'chat',1,1795722002242,'started',NULL,'root','release v1.1.0: left in the middle','host.example by python3','10775f78290af95030fae0b641c1fbdd9a49dcf7d85668334b2b9340c536459f');
INSERT INTO "entry" VALUES(3,'chat',1,1795722002930,'stage',5000,'canary','stage 1 of 2, generation 2',NULL,'96e881f22f1766052779950020997b6e10b76c1d210f9a4c75db685833abcd2b');
INSERT INTO "entry" VALUES(4,'chat',1,1795722002935,'verdict',5000,'canary','health: pass: the server answers',NULL,'a3769a17c0125a906929208a06774159d23c3ffc39769a7d7de1e9fb850bf5f9');
INSERT INTO "entry" VALUES(5,'chat',1,1795722002937,'verdict',5000,'canary','errors: inconclusive: no canary requests in 3ms',NULL,'76d5b8e52afc15cf3607deec2979d0d789f248fa133fd67f020f43561922b5fc');
INSERT INTO "entry" VALUES(6,'chat',1,1795722003535,'verdict',5000,'canary','errors: pass: 0% ≤ 5% over 26 requests',NULL,'6ffe738c9247f54e4ca1c443abad922b029882d17ed405fcd0e9c804ab8ddf07');
CREATE TABLE freeze_of_all (
  freeze TEXT NOT NULL
) STRICT;
CREATE TABLE log_position (
  service    TEXT PRIMARY KEY,
  position   TEXT NOT NULL,
  unreadable INTEGER NOT NULL
) STRICT;
INSERT INTO "log_position" VALUES('chat','[{"inode":16254913,"device":65024,"offset":17688}]',0);
CREATE TABLE measurement (
  service TEXT NOT NULL,
  rollout INTEGER NOT NULL,
  stage   INTEGER NOT NULL,
  name    TEXT NOT NULL,
  number  INTEGER NOT NULL,
  time    INTEGER NOT NULL,
  before  TEXT NOT NULL,
  reading TEXT NOT NULL,
  verdict TEXT NOT NULL,
  PRIMARY KEY (service, rollout, stage, name, number)
) STRICT, WITHOUT ROWID;
INSERT INTO "measurement" VALUES('chat',1,0,'errors',1,1795722002933,'{"advisory":false,"brokenCount":0,"detail":"","measurements":0,"name":"errors","verdict":"pending"}','{"nothing":{"_0":"no canary requests in 3ms"}}','inconclusive');
INSERT INTO "measurement" VALUES('chat',1,0,'errors',2,1795722003134,'{"advisory":false,"brokenCount":0,"detail":"","measuredAt":1795722002933,"measurements":1,"name":"errors","verdict":"inconclusive"}','{"value":{"_0":0,"requests":8}}','inconclusive');
INSERT INTO "measurement" VALUES('chat',1,0,'errors',3,1795722003334,'{"advisory":false,"brokenCount":0,"detail":"","measuredAt":1795722003134,"measurements":2,"name":"errors","verdict":"inconclusive"}','{"value":{"_0":0,"requests":16}}','inconclusive');
INSERT INTO "measurement" VALUES('chat',1,0,'errors',4,1795722003534,'{"advisory":false,"brokenCount":0,"detail":"","measuredAt":1795722003334,"measurements":3,"name":"errors","verdict":"inconclusive"}','{"value":{"_0":0,"requests":26}}','pass');
INSERT INTO "measurement" VALUES('chat',1,0,'errors',5,1795722003735,'{"advisory":false,"brokenCount":0,"detail":"","measuredAt":1795722003534,"measurements":4,"name":"errors","verdict":"pass"}','{"value":{"_0":0,"requests":36}}','pass');
INSERT INTO "measurement" VALUES('chat',1,0,'errors',6,1795722003935,'{"advisory":false,"brokenCount":0,"detail":"","measuredAt":1795722003735,"measurements":5,"name":"errors","verdict":"pass"}','{"value":{"_0":0,"requests":46}}','pass');
INSERT INTO "measurement" VALUES('chat',1,0,'errors',7,1795722004138,'{"advisory":false,"brokenCount":0,"detail":"","measuredAt":1795722003935,"measurements":6,"name":"errors","verdict":"pass"}','{"value":{"_0":0,"requests":56}}','pass');
INSERT INTO "measurement" VALUES('chat',1,0,'errors',8,1795722004338,'{"advisory":false,"brokenCount":0,"detail":"","measuredAt":1795722004138,"measurements":7,"name":"errors","verdict":"pass"}','{"value":{"_0":0,"requests":66}}','pass');
INSERT INTO "measurement" VALUES('chat',1,0,'errors',9,1795722004539,'{"advisory":false,"brokenCount":0,"detail":"","measuredAt":1795722004338,"measurements":8,"name":"errors","verdict":"pass"}','{"value":{"_0":0,"requests":76}}','pass');
INSERT INTO "measurement" VALUES('chat',1,0,'health',1,1795722002935,'{"advisory":false,"brokenCount":0,"detail":"","measurements":0,"name":"health","verdict":"pending"}','{"answer":{"_0":true,"_1":"the server answers"}}','pass');
INSERT INTO "measurement" VALUES('chat',1,0,'health',2,1795722003449,'{"advisory":false,"brokenCount":0,"detail":"","measuredAt":1795722002935,"measurements":1,"name":"health","verdict":"pass"}','{"answer":{"_0":true,"_1":"the server answers"}}','pass');
INSERT INTO "measurement" VALUES('chat',1,0,'health',3,1795722003977,'{"advisory":false,"brokenCount":0,"detail":"","measuredAt":1795722003449,"measurements":2,"name":"health","verdict":"pass"}','{"answer":{"_0":true,"_1":"the server answers"}}','pass');
INSERT INTO "measurement" VALUES('chat',1,0,'health',4,1795722004478,'{"advisory":false,"brokenCount":0,"detail":"","measuredAt":1795722003977,"measurements":3,"name":"health","verdict":"pass"}','{"answer":{"_0":true,"_1":"the server answers"}}','pass');
CREATE TABLE receiver (
  name   TEXT PRIMARY KEY,
  told   INTEGER NOT NULL,
  failed INTEGER
) STRICT;
CREATE TABLE rollout (
  service TEXT NOT NULL,
  number  INTEGER NOT NULL,
  record  TEXT NOT NULL,
  PRIMARY KEY (service, number)
) STRICT;
INSERT INTO "rollout" VALUES('chat',1,'{"actor":{"name":"root","origin":"host.example by python3","person":{"groups":["root"],"uids":[0],"users":["root"]}},"checks":[{"advisory":false,"brokenCount":0,"detail":"0% ≤ 5% over 26 requests","measuredAt":1795722003534,"measurements":4,"name":"errors","totals":{"changes":2,"error":0,"fail":0,"inconclusive":3,"least":0,"most":0,"pass":1,"pending":0,"sum":0,"values":3},"value":0,"verdict":"pass"},{"advisory":false,"brokenCount":0,"detail":"the server answers","measuredAt":1795722003449,"measurements":2,"name":"health","totals":{"changes":1,"error":0,"fail":0,"inconclusive":0,"least":1,"most":1,"pass":2,"pending":0,"sum":2,"values":2},"value":1,"verdict":"pass"}],"from":"blue","number":1,"phase":{"soaking":{"_0":{"advanced":false,"began":1795722002930,"seen":1795722003535,"served":605,"stage":0}}},"plan":{"checks":[{"advisory":false,"condition":{"max":0.05},"every":200,"failures":1,"lasting":0,"minRequests":20,"name":"errors","source":{"metric":{"_0":"error_rate"}},"timeout":5000,"warmup":0,"window":10000},{"advisory":false,"condition":{},"every":500,"failures":3,"lasting":0,"minRequests":0,"name":"health","source":{"probe":{"path":"\/health"}},"timeout":5000,"warmup":0,"window":60000}],"name":"chat","ready":{"path":"\/health","times":3,"within":30000},"stages":[{"deadline":604000,"onDeadline":"revert","soak":4000,"weight":5000},{"deadline":601000,"onDeadline":"revert","soak":1000,"weight":10000}]},"reached":0,"reason":"left in the middle","release":"v1.1.0","retain":86400000,"started":1795722002242,"to":"green"}');
CREATE TABLE service (
  name     TEXT PRIMARY KEY,
  revision INTEGER NOT NULL,
  state    TEXT NOT NULL
, wake INTEGER) STRICT;
INSERT INTO "service" VALUES('chat',13,'{"generation":2,"other":"green","rollout":{"actor":{"name":"root","origin":"host.example by python3","person":{"groups":["root"],"uids":[0],"users":["root"]}},"checks":[{"advisory":false,"brokenCount":0,"detail":"0% ≤ 5% over 76 requests","measuredAt":1795722004539,"measurements":9,"name":"errors","totals":{"changes":2,"error":0,"fail":0,"inconclusive":3,"least":0,"most":0,"pass":6,"pending":0,"sum":0,"values":8},"value":0,"verdict":"pass"},{"advisory":false,"brokenCount":0,"detail":"the server answers","measuredAt":1795722004478,"measurements":4,"name":"health","totals":{"changes":1,"error":0,"fail":0,"inconclusive":0,"least":1,"most":1,"pass":4,"pending":0,"sum":4,"values":4},"value":1,"verdict":"pass"}],"from":"blue","number":1,"phase":{"soaking":{"_0":{"advanced":false,"began":1795722002930,"seen":1795722004739,"served":1809,"stage":0}}},"plan":{"checks":[{"advisory":false,"condition":{"max":0.05},"every":200,"failures":1,"lasting":0,"minRequests":20,"name":"errors","source":{"metric":{"_0":"error_rate"}},"timeout":5000,"warmup":0,"window":10000},{"advisory":false,"condition":{},"every":500,"failures":3,"lasting":0,"minRequests":0,"name":"health","source":{"probe":{"path":"\/health"}},"timeout":5000,"warmup":0,"window":60000}],"name":"chat","ready":{"path":"\/health","times":3,"within":30000},"stages":[{"deadline":604000,"onDeadline":"revert","soak":4000,"weight":5000},{"deadline":601000,"onDeadline":"revert","soak":1000,"weight":10000}]},"reached":0,"reason":"left in the middle","release":"v1.1.0","retain":86400000,"started":1795722002242,"to":"green"},"service":"chat","serving":{"generation":2,"routing":{"audience":{"preview":true,"salt":"1.1795722002242","span":87605000},"brake":"blue","canary":"green","fallback":true,"stable":"blue","weight":5000}},"stable":"blue"}',0);
CREATE TABLE slice (
  service  TEXT NOT NULL,
  second   INTEGER NOT NULL,
  pool     TEXT NOT NULL,
  requests INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  aborted  INTEGER NOT NULL,
  latency  BLOB NOT NULL, hurt INTEGER,
  PRIMARY KEY (service, second, pool)
) STRICT, WITHOUT ROWID;
INSERT INTO "slice" VALUES('chat',1795722002,'blue',66,0,0,X'002E0114',0);
INSERT INTO "slice" VALUES('chat',1795722002,'green',2,0,0,X'0102',0);
INSERT INTO "slice" VALUES('chat',1795722003,'blue',46,0,0,X'0021010D',0);
INSERT INTO "slice" VALUES('chat',1795722003,'green',46,0,0,X'0021010D',0);
CREATE TABLE total (
  service TEXT NOT NULL,
  rollout INTEGER NOT NULL,
  stage   INTEGER NOT NULL,
  name    TEXT NOT NULL,
  state   TEXT NOT NULL,
  PRIMARY KEY (service, rollout, stage, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX entry_of_rollout ON entry (service, rollout, id);
CREATE TRIGGER entry_stays BEFORE UPDATE ON entry
  BEGIN SELECT raise(ABORT, 'the history is append-only'); END;
CREATE TRIGGER entry_is_kept BEFORE DELETE ON entry
  BEGIN SELECT raise(ABORT, 'the history is append-only'); END;
CREATE INDEX entry_by_time ON entry (time);
CREATE INDEX service_by_wake ON service (wake) WHERE wake IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('entry',6);
COMMIT;
