"""The list of all that can be found: a code keeps its meaning from version to version."""

from dataclasses import dataclass
from types import MappingProxyType

# The number must not be used; it may be used, but not averaged with others as if nothing were;
# there is something to know, and the number may be used.
SEVERITIES = ("unusable", "doubtful", "note")


@dataclass(frozen=True)
class KindOfFinding:
    """Describe what all findings of one code have in common.

    Parameters
    ----------
    severity : {"unusable", "doubtful", "note"}
        "unusable": the number must not be used. "doubtful": the model does not describe the data,
        or what was computed did not come to its end; there is a number, but it is left out of
        means. "note": to be known, while the number may be used.
    meaning : str
        What it says of an estimate, in a sentence.
    remedy : str
        What to do.
    """

    severity: str
    meaning: str
    remedy: str


def _kinds(severity, **kinds):
    return {code: KindOfFinding(severity, *texts) for code, texts in kinds.items()}


_OF_FITS = {
    **_kinds(
        "unusable",
        no_data=(
            "There is nothing to fit: the curve has fewer than two values.",
            "See why the stack could not be used, in `errors_` of the extractor.",
        ),
        too_few_frames=(
            "There are too few frames to separate noise from signal, or bleaching from noise.",
            "Record more frames than there are parameters.",
        ),
        no_bleaching_visible=(
            "No bleaching is visible above the noise; no D, rate or time is given.",
            (
                "See whether the region and the number of prebleach frames are right; bleach "
                "more, or a larger region."
            ),
        ),
        frame_does_not_fit=(
            "One frame is far off the fit. The subject is its number, from 0.",
            (
                "Look at the frame; Huber's loss bears it. Next to the bleaching see whether the "
                "clock and the bleach region are right."
            ),
        ),
        other_n_prebleach_fits=(
            "The curve fits clearly better with another number of prebleach frames, the subject.",
            "Look at the frames before and after bleaching, and give their right number.",
        ),
        zero_after_bleaching=(
            (
                "A frame after bleaching, the subject, is exactly 0: the curve was normalised to "
                "its own lowest or first value, or cut off at 0. D is wrong then."
            ),
            (
                "Give intensities above the detector's dark level; dividing by those before "
                "bleaching is harmless, subtracting what bleaching has left is not."
            ),
        ),
        at_lower_bound=(
            "D, a rate or a time ended at its lower bound.",
            (
                "If you have given the bound, widen it. Otherwise D is too small to be seen: "
                "record for longer, or bleach a smaller region."
            ),
        ),
        at_upper_bound=(
            "D, a rate or a time ended at its upper bound.",
            (
                "If you have given the bound, widen it. Otherwise recovery is over too soon: take "
                "frames faster, or bleach a larger region."
            ),
        ),
        beyond_bounds=(
            (
                "The curve, or the image series, asks for a value of the subject beyond its "
                "bounds, the ends of its prior, or what a network has learnt: D is wrong then, "
                "whatever its interval."
            ),
            (
                "Give bounds or a prior that hold the value, or train a network for it; where no "
                "such value can be, as a mobile fraction above 1, look for another model."
            ),
        ),
        interval_too_wide=(
            "The interval of D, a rate or a time spans more than a factor of 9, or reaches 0.",
            "Less noise, or more frames while the curve recovers; plan the experiment.",
        ),
        undetermined_together=(
            "Several rates or times each have an interval of more than a factor of 9.",
            (
                "Fix what is known from elsewhere, or use what the model derives from them, as "
                "D_effective."
            ),
        ),
        simpler_model_fits=(
            "A simpler model describes the curve as well; the subject is what that does without.",
            "Use the simpler model.",
        ),
        other_optimum=(
            "Quite other values of the parameters fit as well.",
            (
                "Fix what is known from elsewhere, or use what the model derives from them, as "
                "D_effective."
            ),
        ),
    ),
    **_kinds(
        "doubtful",
        residuals_correlated=(
            "Neighbouring residuals go together: the model does not describe the curve.",
            "Look for another model, or for drift, fading or a wrong region.",
        ),
        residuals_too_large=(
            (
                "Residuals are larger than the given noise: the model does not describe the "
                "curve, or a and b are too small."
            ),
            "Look for another model, or calibrate the noise again.",
        ),
        noise_beyond_prior=(
            (
                "Residuals are larger than the prior of the noise allows, or than what a network "
                "has learnt: intervals are too narrow, or the model does not describe the curve."
            ),
            (
                "Give a prior of a that holds the noise, as `skfrap noise` or least squares find "
                "it, to the estimator or to the simulator that a network learns from."
            ),
        ),
        nothing_left_by_bleaching=(
            (
                "alpha is at 0, or not told from it: so deep a bleaching is rare, and curves from "
                "which something was subtracted look like that."
            ),
            "See whether zero intensity means no light; do not subtract what bleaching has left.",
        ),
        larger_model_fits=(
            (
                "The curve asks for one parameter more, the subject, by an F test that is wrong "
                "of 1 right curve in 5000. The words say what D would be with it."
            ),
            (
                "Estimate the subject as well; compare the models where there are several. "
                "Without it D is wrong, whatever its interval."
            ),
        ),
        not_converged=("The fit did not come to its end.", "Raise `max_nfev`."),
        model_visibly_wrong=(
            (
                "A goodness-of-fit test rejects the model at the rate of false alarms that was "
                "asked for."
            ),
            "Look for another model.",
        ),
    ),
    **_kinds(
        "note",
        interval_unknown=(
            "The estimator was not taught how far its estimates may be off.",
            "Train it with `fit_online`, or with `early_stopping=True`.",
        ),
        misfit_not_visible=(
            (
                "There are so few frames that residuals would not show a misfit of twice the "
                "noise, more often than not: that there is no other finding says little."
            ),
            "Record more frames after bleaching.",
        ),
        immobile_part_not_visible=(
            (
                "The curve would not show it if 30 % of the particles did not move: a mobile "
                "fraction would not be known to 0.1. D is right only if all of them move."
            ),
            "Record for longer or with less noise, or know the mobile fraction from elsewhere.",
        ),
        end_not_excluded=(
            (
                "The curve does not exclude values of the subject beyond the end of its bounds or "
                "prior: intervals are narrower than the curve alone would have them."
            ),
            "If such values can be, give wider bounds or a wider prior, or another network.",
        ),
        amount_undetermined=(
            "The interval of a fraction or another amount is all of its bounds.",
            "Record for longer, or do not estimate it.",
        ),
    ),
}
_OF_FRAMES = {
    **_kinds(
        "doubtful",
        sample_ends=(
            (
                "The frames before bleaching show an edge within 3 radii of the bleach region, or "
                "a sample of which the region is over 3 %. The model knows no edge: D may be "
                "several times too small, and the mobile fraction too."
            ),
            (
                "Tell the compartment, or have it found; else bleach a smaller region, far from "
                "edges."
            ),
        ),
        compartment_loses_more=(
            (
                "Bleaching took more of the compartment's light than the bleach region, at the "
                "depth that is seen in it, can explain: the beam is wider, or bleached on its way "
                "above and below."
            ),
            (
                "See how wide the beam is, and whether the compartment is the right one; fit no "
                "row of the compartment."
            ),
        ),
        compartment_wins_back=(
            (
                "The compartment as a whole becomes brighter after bleaching, by more than the "
                "model has it: something comes in, from other planes or from outside."
            ),
            (
                "See whether the sample is thicker than the image shows, and whether the outline "
                "is closed; fit no row of the compartment."
            ),
        ),
        compartment_uneven=(
            (
                "The frame before bleaching is uneven in the compartment, and D depends on what "
                "that means: particles that avoid some places, or bind to some, or uneven light. "
                "The alternatives have D for each, and differ by more than a tenth."
            ),
            (
                "Say which it is, as `Compartment(region, equilibrium, conductance)` does; where "
                "it is the light, divide by the frame before bleaching. Else report the spread."
            ),
        ),
        motion_left=(
            (
                "The sample moves by more than 0.05 radii of the bleach region, and frames are not "
                "aligned, or motion is left about the region after they were."
            ),
            "Align the frames, draw the region on a part that stays, or leave out the late frames.",
        ),
        several_patches=(
            "The first frame after bleaching shows more than one bleached patch.",
            "Give all of them as the bleach region, or crop the frames.",
        ),
        patch_elsewhere=(
            "The bleached patch lies beside the bleach region.",
            "Move the region to where bleaching is seen, or give its right place.",
        ),
        patch_of_other_size=(
            (
                "The bleached patch is clearly wider or narrower in the first frame after "
                "bleaching than the fitted model has it there, by more than a tenth of its radius."
            ),
            "See whether the region is the one that was bleached, and when bleaching ended.",
        ),
        patch_edge_differs=(
            (
                "The edge of the bleached patch is clearly blurrier or sharper in the first frame "
                "after bleaching than the fitted model has it there: D is off by a tenth or more."
            ),
            (
                "Where it is blurrier estimate `bleach_blur` as well, or give it; where it is "
                "sharper see whether all particles move, and when bleaching ended."
            ),
        ),
        uneven_light=(
            (
                "What was done with the uneven prebleach image is not what it asks for: "
                "subtraction is for added light, division for uneven light, and neither for a "
                "sample that is uneven itself."
            ),
            "Leave the choice to skfrap, or take the one that the finding names.",
        ),
    ),
}
_OF_RECORDINGS = {
    **_kinds(
        "unusable",
        detector_saturated=(
            "In the frames before bleaching, many pixels of the region share the largest value.",
            "Record with less light or gain: what is cut off cannot be brought back.",
        ),
    ),
    **_kinds(
        "doubtful",
        clocks_disagree=(
            "The clocks of the file differ by more than 10 %: D would be wrong by as much.",
            "Say which is right by giving the frame interval, or mend the file.",
        ),
        blank_frames=(
            "Frames hold one and the same value, or rows of zeros at their end.",
            "See whether the file was written and copied to its end; leave out such frames.",
        ),
        light_changes_before_bleaching=(
            (
                "The light of the frames before bleaching rises or falls by more than 1 %, other "
                "than the model has it: c0 is of another light than there was at bleaching."
            ),
            (
                'Use `fading="frame"`, a reference, or `imaging_bleach` where that goes on after '
                "bleaching; or leave out the first frames, where a lamp or a dye had to settle."
            ),
        ),
        frames_alternate=(
            "The light of frames repeats after two to six of them, rather than going on steadily.",
            "See whether other channels or depths are among them, and save one of them alone.",
        ),
        same_numbers=(
            "Another series of the run has the same numbers, to the last digit: it is a copy.",
            "Leave out one of the two: they count as one measurement.",
        ),
        pixel_size_unlikely=(
            "A pixel is smaller than 1 nm or larger than 100 µm: D goes by its square.",
            "Give the pixel size in µm.",
        ),
        time_unit_unlikely=(
            (
                "Times without a unit would be a minute or more apart in s, or frames are less "
                "than 1 ms apart in the unit that is named: D may be wrong by a factor of 1000."
            ),
            "Name the unit of the times in the head, or give the frame interval in s.",
        ),
        bleach_gap_unexplained=(
            (
                "The clock shows another time between the frames before and after bleaching than "
                "bleach frames and their duration account for."
            ),
            "Give the time from the end of bleaching to the next frame, and the bleach frames.",
        ),
    ),
    **_kinds(
        "note",
        image_count_disagrees=(
            "The header names another number of images than the file holds or has room for.",
            "See whether frames are missing; save the series again.",
        ),
        pixels_not_square=(
            "Pixels are wider than high, or the other way round.",
            "None is needed up to 2 %. Beyond, resample the images.",
        ),
        stored_protocol_set_aside=(
            "The protocol that is stored in the file is that of other frames, or of another clock.",
            "See whether all that you give of the experiment is right.",
        ),
        patches_left_out=(
            "The image of the bleach region shows patches that are too small to be taken.",
            "See whether they were bleached; if so, draw a mask of black and white.",
        ),
        given_value_differs=(
            "A pixel size or a time between frames that is given is not the file's, by over 10 %.",
            "See which is right, and whether the unit is: what is given has been taken.",
        ),
        time_unit_assumed=(
            "The head of a table, or a list of times, names no unit, and s is taken.",
            "Name the unit in the head, or give the frame interval: D goes with it.",
        ),
        table_rows_left_out=(
            "Rows of the table have empty cells elsewhere than at bleaching, and are left out.",
            "None is needed if they are few; else look why values are missing.",
        ),
    ),
}
_OF_STARTS = {
    **_kinds(
        "unusable",
        patch_fills_field=(
            "The dark patch is as wide as the field of view, so that no rim of it is seen.",
            "Record a larger field, or bleach less.",
        ),
        changes_elsewhere=(
            (
                "What changes from frame to frame in the compartment is not the dark patch: D would"
                " be that of a sample which moves or changes its shape."
            ),
            "Align the frames; draw the outline about the part that holds the patch and stays.",
        ),
    ),
    **_kinds(
        "doubtful",
        patch_near_edge=(
            "The dark patch reaches the edge of the field of view; errors may be too small.",
            "Record a larger field, or bleach a smaller region for a shorter time.",
        ),
        start_contradicted=(
            (
                "The images, without the region that was told, give another D, more than 3 "
                "standard errors away. The words say what the frames show of the reason."
            ),
            "Take the start as seen in the images, or tell the region and the times as they were.",
        ),
        images_disagree=(
            (
                "All pixels about the bleach region give another D than its curve, beyond the "
                "errors of both, or far beyond those by noise. The words say how far, and where "
                "the images are not as told."
            ),
            (
                "See whether region, first frame, light and neighbours are as told, and whether "
                "pixels are proportional to light, without gamma; where they are, the images are "
                "the more precise of the two."
            ),
        ),
        images_misfit=(
            (
                "The images are not as the model has them, so that D of all pixels is uncertain "
                "by more than 12 %. The words say where."
            ),
            "See the pictures of what is left; take a smaller window, or the curve.",
        ),
        immobile_shape_assumed=(
            "Only the first profile was given, so that the shape of what stays had to be assumed.",
            "Give the profile of the last frames as well, or the images.",
        ),
        start_scale_undetermined=(
            "How deep profiles are beside the curve was left free, and the curve does not tell.",
            "Measure profiles and curve in the same images, and give start_scale=1.",
        ),
        readings_disagree=(
            "About equally likely readings of what moves and what stays give another D.",
            "Record until recovery has ended; look at the table of readings.",
        ),
        frame_levels_disagree=(
            (
                "Frames whose light changes evenly give another D than a free level of each frame, "
                "which is less precise. The words say which."
            ),
            "See whether the light changes at the bleaching; frame_levels=True does not mind.",
        ),
    ),
    **_kinds(
        "note",
        told_region_contradicted=(
            "More is missing in the first frame than the region that was told can have lost.",
            "Believe no fit that takes the region as told; see how wide the beam is.",
        ),
        frame_levels_assumed=(
            (
                "D is as precise as it is because the light is taken to change evenly. The words "
                "say what D is without that."
            ),
            "Record a larger field, or see that the light is steady after bleaching.",
        ),
        told_start_set_aside=(
            (
                "D is from the start as seen in the images, since they contradict the region "
                "that was told."
            ),
            "See what was bleached, and when; D does not rest on it.",
        ),
        images_partly_misfit=(
            (
                "The images are not quite as the model has them. The error of D counts that, and "
                "is larger than that of noise. The words say where."
            ),
            "None is needed for D; the words say what would make it more precise.",
        ),
        patch_faint=(
            "The dark patch is hardly seen above the noise.",
            "Bleach more, or a larger region.",
        ),
    ),
}
_OF_PLANS = {
    **_kinds(
        "unusable",
        fewer_frames_than_parameters=(
            "The planned frames are not more than the parameters.",
            "Plan more frames, or fix parameters.",
        ),
        bleaching_hardly_visible=(
            "Bleaching will hardly be visible above the noise.",
            "Bleach more, or a larger region, or plan more frames.",
        ),
        guess_outside_bounds=("The guess lies outside of its bounds.", "Change the one or other."),
        error_too_large=(
            "D, a rate or a time will not be known to a factor of 2 either way.",
            "Choose other settings.",
        ),
        error_varies=(
            "The expected error varies too much within its interval to be relied on.",
            "Choose settings with a smaller error, or simulate.",
        ),
    ),
    **_kinds(
        "note",
        amount_will_be_undetermined=(
            "A fraction or another amount will not be determined.",
            "Do not estimate it, or record for longer.",
        ),
        may_end_at_bound=(
            (
                "A fraction or another amount may end at its bound; fits then scatter less than "
                "expected."
            ),
            "None is needed for D; fix the amount if it is known.",
        ),
        recovery_nearly_over=(
            "Recovery is nearly over before the first frame.",
            "Take frames faster, or bleach a larger region.",
        ),
        recovery_hardly_begun=(
            "Recovery has hardly begun by the last frame.",
            "Record for longer, or bleach a smaller region.",
        ),
    ),
}
_OF_NOISE = {
    **_kinds(
        "unusable",
        noise_parts_undetermined=(
            "The intensities are too few or too close together to separate a from b.",
            "Add series at other laser powers or concentrations, or record more frames.",
        ),
    ),
    **_kinds(
        "doubtful",
        variance_not_linear=(
            "The variance is no straight line in the intensity.",
            (
                "See whether something moves in the solution, the series were recorded alike, "
                "and the detector is linear."
            ),
        ),
        neighbours_correlated=(
            "The noise of neighbouring pixels is correlated, and standard errors are too small.",
            "Give series as they were recorded, neither smoothed nor interpolated.",
        ),
        noise_lost_in_rounding=(
            "The noise of some pixels is below half a count and partly lost in rounding.",
            "Record with more gain or more bits.",
        ),
    ),
    **_kinds(
        "note",
        noise_part_at_bound=(
            "a or b is 0: all noise has the other's form.",
            "None is needed.",
        ),
        pixels_left_out=(
            "Pixels were left out, at zero counts or full scale, or as dark or bright as those.",
            "Record with less light or gain, or a higher offset of the detector.",
        ),
    ),
}
_OF_REPLICATES = {
    **_kinds(
        "unusable",
        no_usable_replicate=("No replicate has a value that can be averaged.", "Measure again."),
    ),
    **_kinds(
        "doubtful",
        replicates_too_alike=(
            "Replicates vary less than their errors allow.",
            (
                "See whether the model describes them, and has no parameters that the curves do "
                "not determine."
            ),
        ),
        series_contradicted=(
            (
                "Single series of a group that was fitted together contradict the model; the words "
                "count the findings of their own fits."
            ),
            "Look at these series by themselves; leave them out, or take another model for all.",
        ),
        not_shared=(
            "Series that were fitted with a parameter in common differ in it.",
            "Fit each by itself, and average them as replicates.",
        ),
    ),
    **_kinds(
        "note",
        single_replicate=(
            "How replicates differ is not known from one, nor an interval.",
            "Measure at least three.",
        ),
        few_groups=(
            "Two groups of the coarsest level, the subject, say little of how such groups differ.",
            "Repeat the experiment on more days; more cells on a day do not help.",
        ),
        level_not_told=(
            "A level, the subject, splits nothing further, and its variance is part of others'.",
            "None is needed; two or more of it in each group of the coarser level would tell it.",
        ),
        replicates_left_out=(
            "Replicates were left out of the mean: failed ones, unusable ones and doubtful ones.",
            "Look at the findings of these.",
        ),
    ),
}

FINDINGS = MappingProxyType(
    _OF_FITS | _OF_FRAMES | _OF_RECORDINGS | _OF_STARTS | _OF_PLANS | _OF_NOISE | _OF_REPLICATES
)
