//! Output files: content, limits, damage, and the readers of one client.

use super::*;

#[tokio::test]
async fn a_run_without_output_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let output = kept(&dir, 1 << 30);
    output.append(Stdout, b"").await;
    output.end();
    output.flush().await;
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn flushed_output_is_read_again_from_any_offset_with_its_streams() {
    let dir = tempfile::tempdir().unwrap();
    let output = kept(&dir, 1 << 30);
    for (index, part) in lines(1 << 20).chunks(777).enumerate() {
        let stream = if index % 3 == 0 { Stderr } else { Stdout };
        output.append(stream, part).await;
    }
    output.end();
    output.flush().await;
    let live = drain(&mut output.reader(0, alone())).await;
    let path = dir.path().join("1.out");
    let blocks = std::os::unix::fs::MetadataExt::blocks(&std::fs::metadata(&path).unwrap());
    assert_eq!(blocks * 512, output.file_bytes());
    let again = Output::read_from(path.clone(), output.bytes(), None).unwrap();
    let (out, err, missing) = sort(&drain(&mut again.reader(0, alone())).await);
    assert_eq!((out, err, missing), sort(&live));
    for from in [1, 777, 778, 500_000, output.bytes() - 1, output.bytes()] {
        let rest = sort(&drain(&mut again.reader(from, alone())).await);
        let rest_live = sort(&drain(&mut output.reader(from, alone())).await);
        assert_eq!(rest.0.len() + rest.1.len(), (output.bytes() - from) as usize);
        assert!(rest == rest_live, "from {from}");
    }
}

/// How often this thread has read from a file.
fn reads() -> u64 {
    let counts = std::fs::read_to_string("/proc/thread-self/io").unwrap();
    counts.lines().find_map(|line| line.strip_prefix("syscr: ")).unwrap().parse().unwrap()
}

/// The headers of all blocks were read, of each 32 KiB one.
#[tokio::test]
async fn a_large_output_is_opened_by_its_index() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("1.out");
    for size in [16 << 20, 64 << 20] {
        let output = Output::kept_in(path.clone(), 1 << 30);
        for part in lines(size).chunks(100_000) {
            output.append(Stdout, part).await;
        }
        output.end();
        output.flush().await;
        let before = reads();
        let again = Output::read_from(path.clone(), output.bytes(), None).unwrap();
        let read = reads() - before;
        assert!(read < 16, "{read} reads to open an output of {size} bytes");
        for from in [0, 5_000_000, output.bytes() - 100_000, output.bytes() - 1] {
            let piece = again.reader(from, alone()).next().await.unwrap();
            let live = output.reader(from, alone()).next().await.unwrap();
            let (Piece::Output { offset, data, .. }, Piece::Output { data: same, .. }) =
                (piece, live)
            else {
                panic!("a gap at {from}");
            };
            let both = data.len().min(same.len());
            assert_eq!((offset, &data[..both]), (from, &same[..both]));
        }
        let whole = drain(&mut again.reader(0, alone())).await;
        assert_eq!(sort(&whole).0.len() as u64, output.bytes());
    }
    // Without the index, the blocks say the same.
    let file = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let end = || {
        let last = output_file::parts(&file).unwrap().pop().unwrap();
        (last.end, last.file_end())
    };
    let indexed = end();
    file.set_len(file.metadata().unwrap().len() - 1).unwrap();
    assert_eq!(end(), indexed);
    // The output of a hook replaces the index.
    let (bytes, _) = Output::add_to(&path, Stderr, b"closed").unwrap();
    let again = Output::read_from(path, bytes, None).unwrap();
    assert_eq!(sort(&drain(&mut again.reader(bytes - 6, alone())).await).1, b"closed");
}

#[tokio::test]
async fn a_file_cut_by_a_crash_is_read_up_to_its_last_complete_block() {
    let dir = tempfile::tempdir().unwrap();
    let output = kept(&dir, 1 << 30);
    let text = b"one two three four";
    for word in text.chunks(4) {
        output.append(Stdout, word).await;
        output.flush().await;
    }
    output.end();
    output.flush().await;
    let path = dir.path().join("1.out");
    let whole = std::fs::read(&path).unwrap();
    for length in 0..=whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let cut = Output::read_from(path.clone(), 0, None).unwrap();
        let (out, err, missing) = sort(&drain(&mut cut.reader(0, alone())).await);
        assert_eq!((err.len(), missing, out.len() as u64), (0, 0, cut.bytes()));
        assert!(text.starts_with(&out));
        // Four words of 4 bytes and one of 2, each with 11 bytes about it.
        let want = if length == whole.len() { text.len() } else { length / 15 * 4 };
        assert_eq!(out.len(), want, "of {length} bytes");
    }
    // Nothing but the end is cut, but no content there must be trusted.
    std::fs::write(&path, [0xFF; 100]).unwrap();
    assert_eq!(Output::read_from(path.clone(), 7, None).unwrap().bytes(), 7);
    std::fs::remove_file(&path).unwrap();
    let gone = Output::read_from(path, 7, None).unwrap();
    let gap = Piece::Gap { offset: 2, bytes: 5, reason: GapReason::Lost };
    assert_eq!(drain(&mut gone.reader(2, alone())).await, [gap]);
}

#[tokio::test]
async fn the_disk_keeps_as_many_bytes_as_the_limit_allows() {
    for limit in [1, 2, 20 * 1024, MAX_OUTPUT_CHUNK as u64, MAX_OUTPUT_CHUNK as u64 + 1] {
        let dir = tempfile::tempdir().unwrap();
        let output = kept(&dir, limit);
        let text = lines(8 << 20);
        output.append(Stdout, &text).await;
        output.end();
        output.flush().await;
        let past = Output::read_from(dir.path().join("1.out"), text.len() as u64, None).unwrap();
        let (kept, _, missing) = sort(&drain(&mut past.reader(0, alone())).await);
        // Less only by what would be half a character.
        assert!((limit.saturating_sub(3)..=limit).contains(&(kept.len() as u64)), "{}", kept.len());
        assert_eq!(kept.len() as u64 + missing, text.len() as u64);
        assert!(text.starts_with(&kept));
    }
}

#[tokio::test]
async fn a_damaged_file_is_a_gap_and_neither_a_flood_nor_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("1.out");
    for ends in [&[][..], &[0], &[4, 2], &[3, 3, 5], &[4], &[6], &[65535]] {
        let mut file = vec![0];
        file.extend((ends.len() as u32).to_le_bytes());
        file.extend(5_u32.to_le_bytes());
        ends.iter().for_each(|end: &u16| file.extend(end.to_le_bytes()));
        file.extend(b"hello");
        std::fs::write(&path, file).unwrap();
        let past = Output::read_from(path.clone(), 5, None).unwrap();
        let (out, err, missing) = sort(&drain(&mut past.reader(0, alone())).await);
        assert_eq!((out.len() + err.len(), missing), (0, 5), "{ends:?}");
    }
}

/// Regression: each reader of a client held a batch of its own from the disk.
#[tokio::test]
async fn of_the_readers_of_one_client_one_at_a_time_holds_bytes_from_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let output = kept(&dir, 1 << 30);
    for _ in 0..64 {
        output.append(Stdout, &[b'x'; 32 * 1024]).await;
    }
    output.end();
    let turns = alone();
    let mut first = output.reader(0, Arc::clone(&turns));
    let mut second = output.reader(0, Arc::clone(&turns));
    assert!(first.next().await.is_some());
    assert_eq!(turns.available_permits(), 0);
    {
        let mut waiting = Box::pin(second.next());
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        for _ in 0..3 {
            assert!(waiting.as_mut().poll(&mut cx).is_pending());
        }
        // The holder passes it on at the end of its batch, or when it is dropped.
        drop(first);
        assert!(waiting.await.is_some());
    }
    let rest = drain(&mut second).await;
    let bytes: usize = rest
        .iter()
        .map(|piece| match piece {
            Piece::Output { data, .. } => data.len(),
            Piece::Gap { .. } => 0,
        })
        .sum();
    assert!(bytes >= 63 * 32 * 1024, "{bytes}");
    assert_eq!(turns.available_permits(), 1);
}
