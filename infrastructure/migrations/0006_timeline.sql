-- A customer's story is told from its stream, which is one search away: a copy of every event in words is not needed.

DROP TABLE gatehouse.timeline;
DELETE FROM gatehouse.tracking WHERE projection = 'timeline';
